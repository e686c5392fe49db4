//! The functions that are evaluated, by the shape of what they take.

use super::calendar::Part;

/// What a call does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Function {
    /// One number from each series' samples in a range.
    OverTime(OverTime),
    /// Each value on its own.
    Each(fn(f64) -> f64),
    /// A part of each value read as a time; of the present time without argument.
    Calendar(Part),
    Absent,
    AbsentOverTime,
    Clamp,
    ClampMax,
    ClampMin,
    HistogramFraction,
    HistogramQuantile,
    LabelJoin,
    LabelReplace,
    MaxOf,
    MinOf,
    Pi,
    Round,
    Scalar,
    Sort,
    SortByLabel,
    SortByLabelDesc,
    SortDesc,
    Time,
    Timestamp,
    Vector,
}

/// Functions of a range of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OverTime {
    Avg,
    Changes,
    Count,
    Delta,
    Deriv,
    DoubleExponentialSmoothing,
    First,
    Idelta,
    Increase,
    Irate,
    Last,
    Mad,
    Max,
    Min,
    PredictLinear,
    Present,
    Quantile,
    Rate,
    Resets,
    Stddev,
    Stdvar,
    Sum,
    TsOfFirst,
    TsOfLast,
    TsOfMax,
    TsOfMin,
}

impl OverTime {
    /// It asks for resets.
    pub fn is_of_counters(self) -> bool {
        matches!(self, OverTime::Increase | OverTime::Rate)
    }

    /// What it says of a series that does not change is the same at every time.
    pub fn looks_at_values_only(self) -> bool {
        !matches!(self, OverTime::TsOfFirst | OverTime::TsOfLast | OverTime::TsOfMax | OverTime::TsOfMin)
    }

    /// The series' name stays.
    pub fn keeps_name(self) -> bool {
        matches!(self, OverTime::First | OverTime::Last)
    }
}

const FUNCTIONS: &[(&str, Function)] = {
    use Function::{Calendar, Each, OverTime as Over};
    &[
        ("abs", Each(f64::abs)),
        ("absent", Function::Absent),
        ("absent_over_time", Function::AbsentOverTime),
        ("acos", Each(f64::acos)),
        ("acosh", Each(f64::acosh)),
        ("asin", Each(f64::asin)),
        ("asinh", Each(f64::asinh)),
        ("atan", Each(f64::atan)),
        ("atanh", Each(f64::atanh)),
        ("avg_over_time", Over(OverTime::Avg)),
        ("ceil", Each(f64::ceil)),
        ("changes", Over(OverTime::Changes)),
        ("clamp", Function::Clamp),
        ("clamp_max", Function::ClampMax),
        ("clamp_min", Function::ClampMin),
        ("cos", Each(f64::cos)),
        ("cosh", Each(f64::cosh)),
        ("count_over_time", Over(OverTime::Count)),
        ("day_of_month", Calendar(Part::DayOfMonth)),
        ("day_of_week", Calendar(Part::DayOfWeek)),
        ("day_of_year", Calendar(Part::DayOfYear)),
        ("days_in_month", Calendar(Part::DaysInMonth)),
        ("deg", Each(|value| value * 180.0 / std::f64::consts::PI)),
        ("delta", Over(OverTime::Delta)),
        ("deriv", Over(OverTime::Deriv)),
        ("double_exponential_smoothing", Over(OverTime::DoubleExponentialSmoothing)),
        ("exp", Each(f64::exp)),
        ("first_over_time", Over(OverTime::First)),
        ("floor", Each(f64::floor)),
        ("histogram_fraction", Function::HistogramFraction),
        ("histogram_quantile", Function::HistogramQuantile),
        ("holt_winters", Over(OverTime::DoubleExponentialSmoothing)),
        ("hour", Calendar(Part::Hour)),
        ("idelta", Over(OverTime::Idelta)),
        ("increase", Over(OverTime::Increase)),
        ("irate", Over(OverTime::Irate)),
        ("label_join", Function::LabelJoin),
        ("label_replace", Function::LabelReplace),
        ("last_over_time", Over(OverTime::Last)),
        ("ln", Each(f64::ln)),
        ("log10", Each(f64::log10)),
        ("log2", Each(f64::log2)),
        ("mad_over_time", Over(OverTime::Mad)),
        ("max_of", Function::MaxOf),
        ("max_over_time", Over(OverTime::Max)),
        ("min_of", Function::MinOf),
        ("min_over_time", Over(OverTime::Min)),
        ("minute", Calendar(Part::Minute)),
        ("month", Calendar(Part::Month)),
        ("pi", Function::Pi),
        ("predict_linear", Over(OverTime::PredictLinear)),
        ("present_over_time", Over(OverTime::Present)),
        ("quantile_over_time", Over(OverTime::Quantile)),
        ("rad", Each(|value| value * std::f64::consts::PI / 180.0)),
        ("rate", Over(OverTime::Rate)),
        ("resets", Over(OverTime::Resets)),
        ("round", Function::Round),
        ("scalar", Function::Scalar),
        ("sgn", Each(sign)),
        ("sin", Each(f64::sin)),
        ("sinh", Each(f64::sinh)),
        ("sort", Function::Sort),
        ("sort_by_label", Function::SortByLabel),
        ("sort_by_label_desc", Function::SortByLabelDesc),
        ("sort_desc", Function::SortDesc),
        ("sqrt", Each(f64::sqrt)),
        ("stddev_over_time", Over(OverTime::Stddev)),
        ("stdvar_over_time", Over(OverTime::Stdvar)),
        ("sum_over_time", Over(OverTime::Sum)),
        ("tan", Each(f64::tan)),
        ("tanh", Each(f64::tanh)),
        ("time", Function::Time),
        ("timestamp", Function::Timestamp),
        ("ts_of_first_over_time", Over(OverTime::TsOfFirst)),
        ("ts_of_last_over_time", Over(OverTime::TsOfLast)),
        ("ts_of_max_over_time", Over(OverTime::TsOfMax)),
        ("ts_of_min_over_time", Over(OverTime::TsOfMin)),
        ("vector", Function::Vector),
        ("year", Calendar(Part::Year)),
    ]
};

/// `None`: it is not evaluated here.
pub(super) fn by_name(name: &str) -> Option<Function> {
    FUNCTIONS.iter().find(|(known, _)| *known == name).map(|(_, function)| *function)
}

/// The functions that are evaluated here.
pub fn function_names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|(name, _)| *name)
}

fn sign(value: f64) -> f64 {
    if value < 0.0 {
        -1.0
    } else if value > 0.0 {
        1.0
    } else {
        value
    }
}
