//! From how many tests run a line to how suspicious it is.
//!
//! No single formula is best: which one is depends on how many faults and tests there are (Pearson et al., "Evaluating
//! and improving fault localization", ICSE 2017), and the mean of several normalised ones is more robust than each
//! (Lucia et al., "Fusion fault localizers", ASE 2014). The three that do best in those studies are combined:
//!
//! - Ochiai (Abreu, Zoeteweij and van Gemund, TAICPART-MUTATION 2007), strong with several faults at once;
//! - D\* with the exponent 2 (Wong et al., "The DStar method", IEEE Transactions on Reliability 2014), which weighs
//!   failing tests most;
//! - Op2 (Naish, Lee and Ramamohanarao, TOSEM 2011), optimal for a single fault: among the lines that every failing test
//!   runs, it falls slowly, so that a line in much used code keeps a share.

/// How many tests there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spectrum {
    pub failing: u32,
    pub passing: u32,
}

/// The mean of the three coefficients, each 0 to 1, for a line that so many failing and passing tests run.
pub fn suspiciousness(failing_here: u32, passing_here: u32, all: Spectrum) -> f64 {
    (ochiai(failing_here, passing_here, all)
        + dstar(failing_here, passing_here, all)
        + op2(failing_here, passing_here, all))
        / 3.0
}

/// `ef / √(F · (ef + ep))`.
fn ochiai(failing_here: u32, passing_here: u32, all: Spectrum) -> f64 {
    let product = f64::from(all.failing) * (f64::from(failing_here) + f64::from(passing_here));
    if product == 0.0 { 0.0 } else { f64::from(failing_here) / product.sqrt() }
}

/// `ef² / (ep + nf)`, which knows no upper bound, brought to 0 … 1 by its own value for half of the passing tests.
fn dstar(failing_here: u32, passing_here: u32, all: Spectrum) -> f64 {
    if failing_here == 0 {
        return 0.0;
    }
    let square = f64::from(failing_here) * f64::from(failing_here);
    let others = f64::from(passing_here) + f64::from(all.failing.saturating_sub(failing_here));
    square / (square + f64::from(all.failing) * others)
}

/// `ef − ep / (P + 1)`, as a share of `F`.
fn op2(failing_here: u32, passing_here: u32, all: Spectrum) -> f64 {
    if all.failing == 0 {
        return 0.0;
    }
    let raw = f64::from(failing_here) - f64::from(passing_here) / (f64::from(all.passing) + 1.0);
    (raw / f64::from(all.failing)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Spectrum = Spectrum { failing: 2, passing: 3 };

    #[test]
    fn each_is_the_published_coefficient() {
        assert!((ochiai(1, 1, ALL) - 0.5).abs() < 1e-12);
        assert!((dstar(1, 1, ALL) - 1.0 / 5.0).abs() < 1e-12);
        assert!((op2(1, 1, ALL) - 0.375).abs() < 1e-12);
        let nothing = Spectrum::default();
        assert_eq!((ochiai(0, 0, nothing), dstar(0, 0, nothing), op2(0, 0, nothing)), (0.0, 0.0, 0.0));
    }

    #[test]
    fn the_mean_is_one_for_what_only_failing_tests_run_and_falls_with_passing_ones() {
        assert!((suspiciousness(2, 0, ALL) - 1.0).abs() < 1e-12);
        let falling: Vec<f64> = (0..=3).map(|passing| suspiciousness(2, passing, ALL)).collect();
        assert!(falling.windows(2).all(|pair| pair[0] > pair[1]));
        assert!(suspiciousness(1, 0, ALL) < suspiciousness(2, 0, ALL));
        assert_eq!(suspiciousness(0, 3, ALL), 0.0);
    }
}
