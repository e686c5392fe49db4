//! Small linear programs: the simplex method on a dense table, for objectives in their order.
//!
//! Where several points are best by the first objective the second decides among them, and so on, so that the answer
//! does not hang on the order of the columns.

/// `rows x = right`, `x >= 0`.
#[derive(Clone, Debug, Default)]
pub struct LinearProgram {
    /// Coefficients, a row an equation.
    pub rows: Vec<Vec<f64>>,
    /// One a row.
    pub right: Vec<f64>,
    /// To be made least, the first before the second.
    pub objectives: Vec<Vec<f64>>,
}

/// Of a coefficient that counts as zero.
const EPSILON: f64 = 1e-11;
/// Steps without an improvement after which the rule changes to one that cannot go in circles.
const PATIENCE: usize = 50;

/// The equations solved for the variables of the basis, with the values of these in the last column.
struct Tableau {
    rows: Vec<Vec<f64>>,
    basis: Vec<usize>,
    /// Variables that may still enter the basis.
    open: Vec<bool>,
}

impl LinearProgram {
    /// A best point; `None` where there is none: no point at all, or ever better ones.
    pub fn solve(&self) -> Option<Vec<f64>> {
        let (count, variables) = (self.rows.len(), self.rows.first()?.len());
        let mut table = Tableau { rows: Vec::with_capacity(count), basis: Vec::new(), open: vec![true; variables] };
        table.open.resize(variables + count, false);
        for (index, (row, right)) in self.rows.iter().zip(&self.right).enumerate() {
            let sign = if *right < 0.0 { -1.0 } else { 1.0 };
            let mut full: Vec<f64> = row.iter().map(|value| sign * value).collect();
            full.resize(variables + count + 1, 0.0);
            full[variables + index] = 1.0;
            full[variables + count] = sign * right;
            table.rows.push(full);
            table.basis.push(variables + index);
        }
        // First a point at all: the artificial variables have to become zero.
        let mut artificial = vec![0.0; variables];
        artificial.resize(variables + count, 1.0);
        let scale = self.right.iter().fold(1.0f64, |most, value| most.max(value.abs()));
        if table.minimise(&artificial)? > 1e-7 * scale {
            return None;
        }
        table.leave_artificial(variables);
        for objective in &self.objectives {
            let mut full = objective.clone();
            full.resize(variables + count, 0.0);
            table.minimise(&full)?;
        }
        let mut best = vec![0.0; variables];
        for (row, variable) in table.rows.iter().zip(&table.basis) {
            if *variable < variables {
                best[*variable] = row[row.len() - 1].max(0.0);
            }
        }
        Some(best)
    }
}

impl Tableau {
    /// The least value of an objective; variables that would make it larger are closed.
    fn minimise(&mut self, objective: &[f64]) -> Option<f64> {
        let largest = objective.iter().fold(0.0f64, |most, cost| most.max(cost.abs()));
        let tolerance = 1e-12 * largest + EPSILON;
        let (mut reduced, mut value) = self.reduced(objective);
        let mut idle = 0;
        loop {
            let may_enter = |column: &usize| self.open[*column] && reduced[*column] < -tolerance;
            let columns = 0..reduced.len();
            let entering = if idle < PATIENCE {
                columns.filter(may_enter).min_by(|a, b| reduced[*a].total_cmp(&reduced[*b]))
            } else {
                columns.into_iter().find(may_enter)
            };
            let Some(entering) = entering else { break };
            let leaving = self.leaving(entering)?;
            self.pivot(leaving, entering);
            let row = &self.rows[leaving];
            let factor = reduced[entering];
            for (reduced, of_row) in reduced.iter_mut().zip(row) {
                *reduced -= factor * of_row;
            }
            let gain = factor * row[row.len() - 1];
            value += gain;
            idle = if gain < -tolerance { 0 } else { idle + 1 };
        }
        for (open, reduced) in self.open.iter_mut().zip(&reduced) {
            *open = *open && *reduced <= tolerance;
        }
        Some(value)
    }

    /// What each variable would add to the objective, and its value now.
    fn reduced(&self, objective: &[f64]) -> (Vec<f64>, f64) {
        let mut reduced = objective.to_vec();
        let mut value = 0.0;
        for (row, variable) in self.rows.iter().zip(&self.basis) {
            let cost = objective[*variable];
            if cost != 0.0 {
                for (reduced, of_row) in reduced.iter_mut().zip(row) {
                    *reduced -= cost * of_row;
                }
                value += cost * row[row.len() - 1];
            }
        }
        (reduced, value)
    }

    /// The row that limits the entering variable most; of equal ones that of the first variable.
    fn leaving(&self, entering: usize) -> Option<usize> {
        let limits = self.rows.iter().enumerate().filter(|(_, row)| row[entering] > EPSILON);
        let limit = |row: &[f64]| row[row.len() - 1] / row[entering];
        let by_limit = |a: &(usize, &Vec<f64>), b: &(usize, &Vec<f64>)| {
            limit(a.1).total_cmp(&limit(b.1)).then(self.basis[a.0].cmp(&self.basis[b.0]))
        };
        limits.min_by(by_limit).map(|(index, _)| index)
    }

    fn pivot(&mut self, leaving: usize, entering: usize) {
        let mut row = std::mem::take(&mut self.rows[leaving]);
        let by = row[entering];
        row.iter_mut().for_each(|value| *value /= by);
        for other in &mut self.rows {
            let factor = other.get(entering).copied().unwrap_or(0.0);
            if factor != 0.0 {
                for (value, of_row) in other.iter_mut().zip(&row) {
                    *value -= factor * of_row;
                }
            }
        }
        self.rows[leaving] = row;
        self.basis[leaving] = entering;
    }

    /// Artificial variables at zero give way to real ones where their equation has any.
    fn leave_artificial(&mut self, variables: usize) {
        for row in 0..self.rows.len() {
            if self.basis[row] >= variables {
                let real = (0..variables).find(|column| self.rows[row][*column].abs() > 1e-9);
                if let Some(column) = real {
                    self.pivot(row, column);
                }
            }
        }
        self.open.iter_mut().take(variables).for_each(|open| *open = true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: &[f64], expected: &[f64]) -> bool {
        found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-9)
    }

    #[test]
    fn the_best_corner_is_found() {
        // 3 x + 5 y at most, x <= 4, 2 y <= 12, 3 x + 2 y <= 18: Dantzig's example, 36 at (2, 6).
        let rows = vec![vec![1.0, 0.0, 1.0, 0.0, 0.0], vec![0.0, 2.0, 0.0, 1.0, 0.0], vec![3.0, 2.0, 0.0, 0.0, 1.0]];
        let right = vec![4.0, 12.0, 18.0];
        let objectives = vec![vec![-3.0, -5.0, 0.0, 0.0, 0.0]];
        let found = LinearProgram { rows, right, objectives }.solve().unwrap();
        assert!(near(&found, &[2.0, 6.0, 2.0, 0.0, 0.0]), "{found:?}");
    }

    #[test]
    fn the_second_objective_decides_among_equal_ones() {
        let program = |second: [f64; 3]| LinearProgram {
            rows: vec![vec![1.0, 1.0, 1.0]],
            right: vec![1.0],
            objectives: vec![vec![1.0, 1.0, 2.0], second.to_vec()],
        };
        assert!(near(&program([2.0, 1.0, 0.0]).solve().unwrap(), &[0.0, 1.0, 0.0]));
        assert!(near(&program([1.0, 2.0, 0.0]).solve().unwrap(), &[1.0, 0.0, 0.0]));
    }

    #[test]
    fn what_has_no_answer_has_none() {
        let none = LinearProgram { rows: vec![vec![1.0], vec![1.0]], right: vec![1.0, 2.0], objectives: vec![] };
        assert_eq!(none.solve(), None);
        let unbounded =
            LinearProgram { rows: vec![vec![1.0, -1.0]], right: vec![1.0], objectives: vec![vec![0.0, -1.0]] };
        assert_eq!(unbounded.solve(), None);
        let doubled = LinearProgram {
            rows: vec![vec![1.0, 1.0], vec![2.0, 2.0]],
            right: vec![1.0, 2.0],
            objectives: vec![vec![1.0, 0.0]],
        };
        assert!(near(&doubled.solve().unwrap(), &[0.0, 1.0]));
    }
}
