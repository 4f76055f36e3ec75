import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from graft.common.v1 import box_pb2 as _box_pb2
from graft.embedder.v1 import backbone_pb2 as _backbone_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Interval(_message.Message):
    __slots__ = ("estimate", "low", "high", "level")
    ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    estimate: float
    low: float
    high: float
    level: float
    def __init__(self, estimate: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., level: _Optional[float] = ...) -> None: ...

class ClassEvaluation(_message.Message):
    __slots__ = ("label", "example_count", "precision", "recall", "false_positive_rate", "false_negative_rate", "average_precision", "threshold")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    EXAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    RECALL_FIELD_NUMBER: _ClassVar[int]
    FALSE_POSITIVE_RATE_FIELD_NUMBER: _ClassVar[int]
    FALSE_NEGATIVE_RATE_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_PRECISION_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    label: str
    example_count: int
    precision: Interval
    recall: Interval
    false_positive_rate: Interval
    false_negative_rate: Interval
    average_precision: float
    threshold: float
    def __init__(self, label: _Optional[str] = ..., example_count: _Optional[int] = ..., precision: _Optional[_Union[Interval, _Mapping]] = ..., recall: _Optional[_Union[Interval, _Mapping]] = ..., false_positive_rate: _Optional[_Union[Interval, _Mapping]] = ..., false_negative_rate: _Optional[_Union[Interval, _Mapping]] = ..., average_precision: _Optional[float] = ..., threshold: _Optional[float] = ...) -> None: ...

class ConfusionMatrix(_message.Message):
    __slots__ = ("labels", "counts", "pairs")
    LABELS_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    labels: _containers.RepeatedScalarFieldContainer[str]
    counts: _containers.RepeatedScalarFieldContainer[int]
    pairs: _containers.RepeatedCompositeFieldContainer[ConfusedPair]
    def __init__(self, labels: _Optional[_Iterable[str]] = ..., counts: _Optional[_Iterable[int]] = ..., pairs: _Optional[_Iterable[_Union[ConfusedPair, _Mapping]]] = ...) -> None: ...

class ConfusedPair(_message.Message):
    __slots__ = ("truth", "answer", "count", "share")
    TRUTH_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    truth: str
    answer: str
    count: int
    share: float
    def __init__(self, truth: _Optional[str] = ..., answer: _Optional[str] = ..., count: _Optional[int] = ..., share: _Optional[float] = ...) -> None: ...

class Mistake(_message.Message):
    __slots__ = ("path", "sha256", "truth", "answer", "score")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    TRUTH_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    path: str
    sha256: str
    truth: str
    answer: str
    score: float
    def __init__(self, path: _Optional[str] = ..., sha256: _Optional[str] = ..., truth: _Optional[str] = ..., answer: _Optional[str] = ..., score: _Optional[float] = ...) -> None: ...

class Candidate(_message.Message):
    __slots__ = ("kind", "parameters", "log_loss", "log_loss_standard_error", "accuracy", "duration", "chosen", "reason")
    class ParametersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    KIND_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    LOG_LOSS_FIELD_NUMBER: _ClassVar[int]
    LOG_LOSS_STANDARD_ERROR_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    CHOSEN_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    kind: str
    parameters: _containers.ScalarMap[str, str]
    log_loss: float
    log_loss_standard_error: float
    accuracy: float
    duration: _duration_pb2.Duration
    chosen: bool
    reason: str
    def __init__(self, kind: _Optional[str] = ..., parameters: _Optional[_Mapping[str, str]] = ..., log_loss: _Optional[float] = ..., log_loss_standard_error: _Optional[float] = ..., accuracy: _Optional[float] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., chosen: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class ImportIssue(_message.Message):
    __slots__ = ("path", "message", "labels")
    PATH_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    path: str
    message: str
    labels: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, path: _Optional[str] = ..., message: _Optional[str] = ..., labels: _Optional[_Iterable[str]] = ...) -> None: ...

class DataSummary(_message.Message):
    __slots__ = ("example_count", "rejected_count", "duplicate_count", "conflict_count", "issues", "warnings", "modality")
    EXAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    REJECTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_COUNT_FIELD_NUMBER: _ClassVar[int]
    CONFLICT_COUNT_FIELD_NUMBER: _ClassVar[int]
    ISSUES_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    MODALITY_FIELD_NUMBER: _ClassVar[int]
    example_count: int
    rejected_count: int
    duplicate_count: int
    conflict_count: int
    issues: _containers.RepeatedCompositeFieldContainer[ImportIssue]
    warnings: _containers.RepeatedScalarFieldContainer[str]
    modality: _backbone_pb2.Modality
    def __init__(self, example_count: _Optional[int] = ..., rejected_count: _Optional[int] = ..., duplicate_count: _Optional[int] = ..., conflict_count: _Optional[int] = ..., issues: _Optional[_Iterable[_Union[ImportIssue, _Mapping]]] = ..., warnings: _Optional[_Iterable[str]] = ..., modality: _Optional[_Union[_backbone_pb2.Modality, str]] = ...) -> None: ...

class Evaluation(_message.Message):
    __slots__ = ("model_version", "method", "evaluated_count", "accuracy", "macro_f1", "log_loss", "expected_calibration_error", "per_class", "confusion", "mistakes", "candidates", "data", "interval_method", "unknown_threshold", "unknown_rate", "decisions", "baselines", "separation", "learning_curve", "suspects", "outliers", "near_duplicates", "shortcuts", "heat_maps", "reliability", "unknown_check", "several_labels", "micro_f1", "detection")
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    EVALUATED_COUNT_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    MACRO_F1_FIELD_NUMBER: _ClassVar[int]
    LOG_LOSS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_CALIBRATION_ERROR_FIELD_NUMBER: _ClassVar[int]
    PER_CLASS_FIELD_NUMBER: _ClassVar[int]
    CONFUSION_FIELD_NUMBER: _ClassVar[int]
    MISTAKES_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_METHOD_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_RATE_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    BASELINES_FIELD_NUMBER: _ClassVar[int]
    SEPARATION_FIELD_NUMBER: _ClassVar[int]
    LEARNING_CURVE_FIELD_NUMBER: _ClassVar[int]
    SUSPECTS_FIELD_NUMBER: _ClassVar[int]
    OUTLIERS_FIELD_NUMBER: _ClassVar[int]
    NEAR_DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    SHORTCUTS_FIELD_NUMBER: _ClassVar[int]
    HEAT_MAPS_FIELD_NUMBER: _ClassVar[int]
    RELIABILITY_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_CHECK_FIELD_NUMBER: _ClassVar[int]
    SEVERAL_LABELS_FIELD_NUMBER: _ClassVar[int]
    MICRO_F1_FIELD_NUMBER: _ClassVar[int]
    DETECTION_FIELD_NUMBER: _ClassVar[int]
    model_version: str
    method: str
    evaluated_count: int
    accuracy: Interval
    macro_f1: float
    log_loss: float
    expected_calibration_error: float
    per_class: _containers.RepeatedCompositeFieldContainer[ClassEvaluation]
    confusion: ConfusionMatrix
    mistakes: _containers.RepeatedCompositeFieldContainer[Mistake]
    candidates: _containers.RepeatedCompositeFieldContainer[Candidate]
    data: DataSummary
    interval_method: str
    unknown_threshold: float
    unknown_rate: float
    decisions: _containers.RepeatedCompositeFieldContainer[Decision]
    baselines: _containers.RepeatedCompositeFieldContainer[Baseline]
    separation: Separation
    learning_curve: LearningCurve
    suspects: _containers.RepeatedCompositeFieldContainer[Suspect]
    outliers: _containers.RepeatedCompositeFieldContainer[Outlier]
    near_duplicates: _containers.RepeatedCompositeFieldContainer[DuplicateGroup]
    shortcuts: _containers.RepeatedCompositeFieldContainer[Shortcut]
    heat_maps: _containers.RepeatedCompositeFieldContainer[HeatMap]
    reliability: _containers.RepeatedCompositeFieldContainer[ReliabilityBin]
    unknown_check: UnknownCheck
    several_labels: bool
    micro_f1: float
    detection: DetectionEvaluation
    def __init__(self, model_version: _Optional[str] = ..., method: _Optional[str] = ..., evaluated_count: _Optional[int] = ..., accuracy: _Optional[_Union[Interval, _Mapping]] = ..., macro_f1: _Optional[float] = ..., log_loss: _Optional[float] = ..., expected_calibration_error: _Optional[float] = ..., per_class: _Optional[_Iterable[_Union[ClassEvaluation, _Mapping]]] = ..., confusion: _Optional[_Union[ConfusionMatrix, _Mapping]] = ..., mistakes: _Optional[_Iterable[_Union[Mistake, _Mapping]]] = ..., candidates: _Optional[_Iterable[_Union[Candidate, _Mapping]]] = ..., data: _Optional[_Union[DataSummary, _Mapping]] = ..., interval_method: _Optional[str] = ..., unknown_threshold: _Optional[float] = ..., unknown_rate: _Optional[float] = ..., decisions: _Optional[_Iterable[_Union[Decision, _Mapping]]] = ..., baselines: _Optional[_Iterable[_Union[Baseline, _Mapping]]] = ..., separation: _Optional[_Union[Separation, _Mapping]] = ..., learning_curve: _Optional[_Union[LearningCurve, _Mapping]] = ..., suspects: _Optional[_Iterable[_Union[Suspect, _Mapping]]] = ..., outliers: _Optional[_Iterable[_Union[Outlier, _Mapping]]] = ..., near_duplicates: _Optional[_Iterable[_Union[DuplicateGroup, _Mapping]]] = ..., shortcuts: _Optional[_Iterable[_Union[Shortcut, _Mapping]]] = ..., heat_maps: _Optional[_Iterable[_Union[HeatMap, _Mapping]]] = ..., reliability: _Optional[_Iterable[_Union[ReliabilityBin, _Mapping]]] = ..., unknown_check: _Optional[_Union[UnknownCheck, _Mapping]] = ..., several_labels: _Optional[bool] = ..., micro_f1: _Optional[float] = ..., detection: _Optional[_Union[DetectionEvaluation, _Mapping]] = ...) -> None: ...

class DetectionEvaluation(_message.Message):
    __slots__ = ("map50", "map50_95", "bands", "errors", "counts", "pictures", "outlook", "measured", "forecast")
    MAP50_FIELD_NUMBER: _ClassVar[int]
    MAP50_95_FIELD_NUMBER: _ClassVar[int]
    BANDS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    PICTURES_FIELD_NUMBER: _ClassVar[int]
    OUTLOOK_FIELD_NUMBER: _ClassVar[int]
    MEASURED_FIELD_NUMBER: _ClassVar[int]
    FORECAST_FIELD_NUMBER: _ClassVar[int]
    map50: Interval
    map50_95: float
    bands: _containers.RepeatedCompositeFieldContainer[SizeBand]
    errors: _containers.RepeatedCompositeFieldContainer[DetectionErrors]
    counts: _containers.RepeatedCompositeFieldContainer[CountCheck]
    pictures: _containers.RepeatedCompositeFieldContainer[DetectedPicture]
    outlook: str
    measured: _containers.RepeatedCompositeFieldContainer[LearningPoint]
    forecast: _containers.RepeatedCompositeFieldContainer[LearningPoint]
    def __init__(self, map50: _Optional[_Union[Interval, _Mapping]] = ..., map50_95: _Optional[float] = ..., bands: _Optional[_Iterable[_Union[SizeBand, _Mapping]]] = ..., errors: _Optional[_Iterable[_Union[DetectionErrors, _Mapping]]] = ..., counts: _Optional[_Iterable[_Union[CountCheck, _Mapping]]] = ..., pictures: _Optional[_Iterable[_Union[DetectedPicture, _Mapping]]] = ..., outlook: _Optional[str] = ..., measured: _Optional[_Iterable[_Union[LearningPoint, _Mapping]]] = ..., forecast: _Optional[_Iterable[_Union[LearningPoint, _Mapping]]] = ...) -> None: ...

class SizeBand(_message.Message):
    __slots__ = ("name", "thing_count", "map50")
    NAME_FIELD_NUMBER: _ClassVar[int]
    THING_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAP50_FIELD_NUMBER: _ClassVar[int]
    name: str
    thing_count: int
    map50: float
    def __init__(self, name: _Optional[str] = ..., thing_count: _Optional[int] = ..., map50: _Optional[float] = ...) -> None: ...

class DetectionErrors(_message.Message):
    __slots__ = ("label", "hit", "duplicate", "wrong_place", "wrong_class", "background", "missed")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    HIT_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    WRONG_PLACE_FIELD_NUMBER: _ClassVar[int]
    WRONG_CLASS_FIELD_NUMBER: _ClassVar[int]
    BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    label: str
    hit: int
    duplicate: int
    wrong_place: int
    wrong_class: int
    background: int
    missed: int
    def __init__(self, label: _Optional[str] = ..., hit: _Optional[int] = ..., duplicate: _Optional[int] = ..., wrong_place: _Optional[int] = ..., wrong_class: _Optional[int] = ..., background: _Optional[int] = ..., missed: _Optional[int] = ...) -> None: ...

class CountCheck(_message.Message):
    __slots__ = ("label", "mean_absolute_error", "bias", "exact_share", "picture_count")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    MEAN_ABSOLUTE_ERROR_FIELD_NUMBER: _ClassVar[int]
    BIAS_FIELD_NUMBER: _ClassVar[int]
    EXACT_SHARE_FIELD_NUMBER: _ClassVar[int]
    PICTURE_COUNT_FIELD_NUMBER: _ClassVar[int]
    label: str
    mean_absolute_error: float
    bias: float
    exact_share: float
    picture_count: int
    def __init__(self, label: _Optional[str] = ..., mean_absolute_error: _Optional[float] = ..., bias: _Optional[float] = ..., exact_share: _Optional[float] = ..., picture_count: _Optional[int] = ...) -> None: ...

class DetectedPicture(_message.Message):
    __slots__ = ("path", "sha256", "width", "height", "boxes")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    BOXES_FIELD_NUMBER: _ClassVar[int]
    path: str
    sha256: str
    width: int
    height: int
    boxes: _containers.RepeatedCompositeFieldContainer[JudgedBox]
    def __init__(self, path: _Optional[str] = ..., sha256: _Optional[str] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., boxes: _Optional[_Iterable[_Union[JudgedBox, _Mapping]]] = ...) -> None: ...

class JudgedBox(_message.Message):
    __slots__ = ("label", "box", "kind", "score")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    BOX_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    label: str
    box: _box_pb2.Box
    kind: str
    score: float
    def __init__(self, label: _Optional[str] = ..., box: _Optional[_Union[_box_pb2.Box, _Mapping]] = ..., kind: _Optional[str] = ..., score: _Optional[float] = ...) -> None: ...

class Decision(_message.Message):
    __slots__ = ("subject", "choice", "reason")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    CHOICE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    subject: str
    choice: str
    reason: str
    def __init__(self, subject: _Optional[str] = ..., choice: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class Baseline(_message.Message):
    __slots__ = ("name", "accuracy", "gain", "sentence")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    GAIN_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    accuracy: float
    gain: float
    sentence: str
    def __init__(self, name: _Optional[str] = ..., accuracy: _Optional[float] = ..., gain: _Optional[float] = ..., sentence: _Optional[str] = ...) -> None: ...

class Separation(_message.Message):
    __slots__ = ("score", "entropy", "silhouette", "sentence")
    SCORE_FIELD_NUMBER: _ClassVar[int]
    ENTROPY_FIELD_NUMBER: _ClassVar[int]
    SILHOUETTE_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    score: float
    entropy: float
    silhouette: float
    sentence: str
    def __init__(self, score: _Optional[float] = ..., entropy: _Optional[float] = ..., silhouette: _Optional[float] = ..., sentence: _Optional[str] = ...) -> None: ...

class LearningPoint(_message.Message):
    __slots__ = ("examples_per_class", "accuracy")
    EXAMPLES_PER_CLASS_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    examples_per_class: float
    accuracy: Interval
    def __init__(self, examples_per_class: _Optional[float] = ..., accuracy: _Optional[_Union[Interval, _Mapping]] = ...) -> None: ...

class ClassForecast(_message.Message):
    __slots__ = ("label", "recall_now", "more_low", "more_high", "recall_then", "sentence")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    RECALL_NOW_FIELD_NUMBER: _ClassVar[int]
    MORE_LOW_FIELD_NUMBER: _ClassVar[int]
    MORE_HIGH_FIELD_NUMBER: _ClassVar[int]
    RECALL_THEN_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    label: str
    recall_now: float
    more_low: int
    more_high: int
    recall_then: float
    sentence: str
    def __init__(self, label: _Optional[str] = ..., recall_now: _Optional[float] = ..., more_low: _Optional[int] = ..., more_high: _Optional[int] = ..., recall_then: _Optional[float] = ..., sentence: _Optional[str] = ...) -> None: ...

class LearningCurve(_message.Message):
    __slots__ = ("measured", "forecast", "classes", "sentence")
    MEASURED_FIELD_NUMBER: _ClassVar[int]
    FORECAST_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    measured: _containers.RepeatedCompositeFieldContainer[LearningPoint]
    forecast: _containers.RepeatedCompositeFieldContainer[LearningPoint]
    classes: _containers.RepeatedCompositeFieldContainer[ClassForecast]
    sentence: str
    def __init__(self, measured: _Optional[_Iterable[_Union[LearningPoint, _Mapping]]] = ..., forecast: _Optional[_Iterable[_Union[LearningPoint, _Mapping]]] = ..., classes: _Optional[_Iterable[_Union[ClassForecast, _Mapping]]] = ..., sentence: _Optional[str] = ...) -> None: ...

class Suspect(_message.Message):
    __slots__ = ("path", "sha256", "label", "suggested", "score", "reason")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    SUGGESTED_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    path: str
    sha256: str
    label: str
    suggested: str
    score: float
    reason: str
    def __init__(self, path: _Optional[str] = ..., sha256: _Optional[str] = ..., label: _Optional[str] = ..., suggested: _Optional[str] = ..., score: _Optional[float] = ..., reason: _Optional[str] = ...) -> None: ...

class Outlier(_message.Message):
    __slots__ = ("path", "sha256", "label", "score", "reason")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    path: str
    sha256: str
    label: str
    score: float
    reason: str
    def __init__(self, path: _Optional[str] = ..., sha256: _Optional[str] = ..., label: _Optional[str] = ..., score: _Optional[float] = ..., reason: _Optional[str] = ...) -> None: ...

class DuplicateMember(_message.Message):
    __slots__ = ("path", "sha256", "label")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    path: str
    sha256: str
    label: str
    def __init__(self, path: _Optional[str] = ..., sha256: _Optional[str] = ..., label: _Optional[str] = ...) -> None: ...

class DuplicateGroup(_message.Message):
    __slots__ = ("members", "labels_differ", "sentence")
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    LABELS_DIFFER_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    members: _containers.RepeatedCompositeFieldContainer[DuplicateMember]
    labels_differ: bool
    sentence: str
    def __init__(self, members: _Optional[_Iterable[_Union[DuplicateMember, _Mapping]]] = ..., labels_differ: _Optional[bool] = ..., sentence: _Optional[str] = ...) -> None: ...

class Shortcut(_message.Message):
    __slots__ = ("label", "kind", "left", "top", "width", "height", "strength", "sentence", "sha256")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    TOP_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    STRENGTH_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    label: str
    kind: str
    left: float
    top: float
    width: float
    height: float
    strength: float
    sentence: str
    sha256: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, label: _Optional[str] = ..., kind: _Optional[str] = ..., left: _Optional[float] = ..., top: _Optional[float] = ..., width: _Optional[float] = ..., height: _Optional[float] = ..., strength: _Optional[float] = ..., sentence: _Optional[str] = ..., sha256: _Optional[_Iterable[str]] = ...) -> None: ...

class HeatMap(_message.Message):
    __slots__ = ("path", "sha256", "truth", "answer", "rows", "columns", "values")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    TRUTH_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    path: str
    sha256: str
    truth: str
    answer: str
    rows: int
    columns: int
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, path: _Optional[str] = ..., sha256: _Optional[str] = ..., truth: _Optional[str] = ..., answer: _Optional[str] = ..., rows: _Optional[int] = ..., columns: _Optional[int] = ..., values: _Optional[_Iterable[float]] = ...) -> None: ...

class ReliabilityBin(_message.Message):
    __slots__ = ("low", "high", "count", "mean_score", "share_right")
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    MEAN_SCORE_FIELD_NUMBER: _ClassVar[int]
    SHARE_RIGHT_FIELD_NUMBER: _ClassVar[int]
    low: float
    high: float
    count: int
    mean_score: float
    share_right: float
    def __init__(self, low: _Optional[float] = ..., high: _Optional[float] = ..., count: _Optional[int] = ..., mean_score: _Optional[float] = ..., share_right: _Optional[float] = ...) -> None: ...

class UnknownCheck(_message.Message):
    __slots__ = ("method", "kept_share", "measured_kept_share", "auroc", "auroc_max_probability", "sentence")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    KEPT_SHARE_FIELD_NUMBER: _ClassVar[int]
    MEASURED_KEPT_SHARE_FIELD_NUMBER: _ClassVar[int]
    AUROC_FIELD_NUMBER: _ClassVar[int]
    AUROC_MAX_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    method: str
    kept_share: float
    measured_kept_share: float
    auroc: float
    auroc_max_probability: float
    sentence: str
    def __init__(self, method: _Optional[str] = ..., kept_share: _Optional[float] = ..., measured_kept_share: _Optional[float] = ..., auroc: _Optional[float] = ..., auroc_max_probability: _Optional[float] = ..., sentence: _Optional[str] = ...) -> None: ...
