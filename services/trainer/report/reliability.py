"""Whether scores keep their promise, drawn and in words: a pure function; HTML out."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.evaluate.intervals import Interval, wilson
from services.trainer.report.markup import section, text
from services.trainer.report.plain import percent

_LEFT, _TOP, _SIDE = 62, 8, 260


def reliability(evaluation: pb.Evaluation) -> str:
    """A sentence, the plot of promised against kept, the method; nothing where not measured."""
    bins = list(evaluation.reliability)
    if not bins:
        return ""
    repeats = _repeats(evaluation)
    kept = [_range(found, repeats) for found in bins]
    lead = verdict(bins, repeats)
    method = (
        '<p class="method">Each point stands for held-out answers of like score; across: what they '
        "promised on average, up: how many were right, with the range that holds the truth in 95 "
        "of 100 cases. On the dashed line scores are exactly the chance of being right. Expected "
        f"calibration error: {evaluation.expected_calibration_error:.3f} (0: none).</p>"
    )
    return section("Can the scores be taken at their word?", lead, _plot(bins, kept), method)


def verdict(bins: Sequence[pb.ReliabilityBin], repeats: float) -> str:
    """What the bins say, and what to do; each example was answered `repeats` times.

    A bin breaks its promise where what it kept is too far from it for chance, all bins considered
    (Bonferroni): honest scores are called dishonest in one report of twenty. Of several the one
    that is farthest off is named.
    """
    limit = NormalDist().inv_cdf(1 - 0.025 / len(bins))
    off = [found for found in bins if _deviations(found, repeats) > limit]
    if not off:
        return (
            "Yes: as far as so many answers can tell, a score is the chance that the answer is "
            "right. Of answers with a score of 0.8 expect about 8 in 10 to be right."
        )
    worst = max(off, key=lambda found: abs(found.mean_score - found.share_right))
    where = (
        f"answers with a score of about {worst.mean_score:.2f} were right in "
        f"{percent(worst.share_right)} of cases"
    )
    if worst.mean_score > worst.share_right:
        return (
            f"Not quite: {where}. They promise too much there: look at such answers yourself, or "
            "ask for a higher score before you act on one."
        )
    return f"Nearly: {where}. They promise too little there, and can be trusted somewhat more."


def _repeats(evaluation: pb.Evaluation) -> float:
    """How often each example was answered: only once does it count as evidence."""
    answers = sum(found.count for found in evaluation.reliability)
    return max(answers / max(evaluation.evaluated_count, 1), 1.0)


def _deviations(found: pb.ReliabilityBin, repeats: float) -> float:
    """How many standard deviations what was kept is off, half an example added to both sides."""
    examples = max(found.count / repeats, 1.0)
    promised = (found.mean_score * examples + 0.5) / (examples + 1)
    return abs(found.share_right - promised) / sqrt(promised * (1 - promised) / examples)


def _range(found: pb.ReliabilityBin, repeats: float) -> Interval:
    examples = max(found.count / repeats, 1.0)
    share = wilson(found.share_right * examples, examples)
    assert share is not None
    return share


def _plot(bins: Sequence[pb.ReliabilityBin], kept: Sequence[Interval]) -> str:
    right, bottom = _LEFT + _SIDE, _TOP + _SIDE
    marks = "".join(_mark(found, share) for found, share in zip(bins, kept, strict=True))
    ticks = "".join(_tick(share) for share in (0.0, 0.5, 1.0))
    return (
        f'<svg class="plot" viewBox="0 0 {right + 20} {bottom + 42}" role="img" aria-label='
        '"Share of right answers by score">'
        f'<rect class="track" x="{_LEFT}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}"/>'
        f'<line class="ideal" x1="{_LEFT}" y1="{bottom}" x2="{right}" y2="{_TOP}"/>'
        f"{ticks}{marks}"
        f'<text x="{_LEFT + _SIDE / 2:.0f}" y="{bottom + 36}" text-anchor="middle">score</text>'
        f'<text x="12" y="{_TOP + _SIDE / 2:.0f}" text-anchor="middle" '
        f'transform="rotate(-90 12 {_TOP + _SIDE / 2:.0f})">right</text></svg>'
    )


def _mark(found: pb.ReliabilityBin, share: Interval) -> str:
    x, y = _across(found.mean_score), _up(found.share_right)
    spoken = (
        f"{found.count:,} answers with scores from {found.low:.2f} to {found.high:.2f}: "
        f"{percent(found.share_right)} right, {percent(share.low)} to {percent(share.high)}"
    )
    return (
        f"<g><title>{text(spoken)}</title>"
        f'<line class="range" x1="{x:.1f}" y1="{_up(share.low):.1f}" x2="{x:.1f}" '
        f'y2="{_up(share.high):.1f}"/><circle class="point" cx="{x:.1f}" cy="{y:.1f}" r="5"/></g>'
    )


def _tick(share: float) -> str:
    return (
        f'<text x="{_across(share):.0f}" y="{_TOP + _SIDE + 18}" text-anchor="middle">'
        f'{percent(share)}</text><text x="{_LEFT - 6}" y="{_up(share) + 4:.0f}" '
        f'text-anchor="end">{percent(share)}</text>'
    )


def _across(share: float) -> float:
    return _LEFT + _SIDE * share


def _up(share: float) -> float:
    return _TOP + _SIDE * (1 - share)
