//! Operators on two numbers.

/// What stands between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
    Unless,
}

impl Operator {
    pub fn is_comparison(self) -> bool {
        use Operator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        matches!(self, Equal | NotEqual | Less | LessOrEqual | Greater | GreaterOrEqual)
    }

    pub fn is_of_sets(self) -> bool {
        matches!(self, Operator::And | Operator::Or | Operator::Unless)
    }

    /// What comes of two numbers; of a comparison the left one, and whether it holds.
    pub fn apply(self, left: f64, right: f64) -> (f64, bool) {
        match self {
            Operator::Add => (left + right, true),
            Operator::Sub => (left - right, true),
            Operator::Mul => (left * right, true),
            Operator::Div => (left / right, true),
            Operator::Mod => (left % right, true),
            Operator::Pow => (left.powf(right), true),
            Operator::Atan2 => (left.atan2(right), true),
            Operator::Equal => (left, left == right),
            Operator::NotEqual => (left, left != right),
            Operator::Less => (left, left < right),
            Operator::LessOrEqual => (left, left <= right),
            Operator::Greater => (left, left > right),
            Operator::GreaterOrEqual => (left, left >= right),
            Operator::And | Operator::Or | Operator::Unless => (left, true),
        }
    }
}
