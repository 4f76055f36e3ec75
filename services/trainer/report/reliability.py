"""Whether scores keep their promise, drawn and in words: a pure function; HTML out."""

from __future__ import annotations

from collections.abc import Sequence

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.evaluate.intervals import Interval, wilson
from services.trainer.report.markup import section, text
from services.trainer.report.plain import percent

_LEFT, _TOP, _SIDE = 46, 8, 260


def reliability(evaluation: pb.Evaluation) -> str:
    """A sentence, the plot of promised against kept, the method; nothing where not measured."""
    bins = list(evaluation.reliability)
    if not bins:
        return ""
    kept = [_range(found, _repeats(evaluation)) for found in bins]
    lead = verdict(bins, kept)
    method = (
        '<p class="method">Each point stands for held-out answers of like score; across: what they '
        "promised on average, up: how many were right, with the range that holds the truth in 95 "
        "of 100 cases. On the dashed line scores are exactly the chance of being right. Expected "
        f"calibration error: {evaluation.expected_calibration_error:.3f} (0: none).</p>"
    )
    return section("Can the scores be taken at their word?", lead, _plot(bins, kept), method)


def verdict(bins: Sequence[pb.ReliabilityBin], kept: Sequence[Interval]) -> str:
    """What the bins say, and what to do. A bin breaks its promise where the range of what it kept
    does not hold it; the one that is farthest off is named."""
    off = [
        (found, share)
        for found, share in zip(bins, kept, strict=True)
        if not share.low <= found.mean_score <= share.high
    ]
    total = sum(found.count for found in bins)
    gap = sum(found.count * (found.mean_score - found.share_right) for found in bins) / total
    if not off:
        return (
            "Yes: within what so few answers can tell, a score is the chance that the answer is "
            "right. Of answers with a score of 0.8 expect about 8 in 10 to be right."
        )
    worst, _ = max(off, key=lambda pair: abs(pair[0].mean_score - pair[0].share_right))
    where = (
        f"answers with a score of about {worst.mean_score:.2f} were right in "
        f"{percent(worst.share_right)} of cases"
    )
    if gap > 0:
        return (
            f"They promise somewhat too much: {where}. Ask for a higher score before you act on an "
            "answer without looking."
        )
    return f"They promise somewhat too little: {where}. A score is a cautious estimate."


def _repeats(evaluation: pb.Evaluation) -> float:
    """How often each example was answered: only once does it count as evidence."""
    answers = sum(found.count for found in evaluation.reliability)
    return max(answers / max(evaluation.evaluated_count, 1), 1.0)


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
