use proptest::prelude::*;

use super::*;
use crate::units::random::stream;

const AT: fn(i64) -> SimTime = SimTime::from_secs;

fn job(yaml: &str, steps: u64) -> TrainingJob {
    let options: TrainingOptions = serde_saphyr::from_str(yaml).unwrap();
    options.validate().unwrap();
    TrainingJob::new(Epochs::steps(steps), Arc::new(options), stream(1, "training-job", 0))
}

/// 10 s to load, a save of 5 s after every 100 s of compute.
const PLAIN: &str = "{phases: {load: {duration: 10s}, checkpoint: {interval: 100s, duration: 5s}}}";

#[test]
fn a_job_loads_computes_saves_and_completes() {
    let mut job = job(PLAIN, 500);
    job.start(AT(50), StepRate::from_steps_per_second(2.0), 1);
    let mut seen = Vec::new();
    while job.next_change() < SimTime::MAX {
        seen.push((job.phase(), job.next_change()));
        job.advance(job.next_change());
    }
    let expected = [
        (Phase::Load, AT(60)),
        (Phase::Compute, AT(160)),
        (Phase::Checkpoint, AT(165)),
        (Phase::Compute, AT(265)),
        (Phase::Checkpoint, AT(270)),
        (Phase::Compute, AT(320)),
    ];
    assert_eq!(seen, expected);
    assert_eq!(job.completed_at(), Some(AT(320)));
    assert_eq!(job.totals().checkpoints, 2);
    assert_eq!(job.totals().compute, SimDuration::from_secs(250));
    assert_eq!(job.micro_steps_at(AT(999)), 500_000_000);
}

#[test]
fn an_interruption_falls_back_to_the_last_save_and_the_job_resumes_from_there() {
    let mut job = job(PLAIN, 500);
    job.start(AT(0), StepRate::from_steps_per_second(2.0), 1);
    assert_eq!(job.completes_at(), AT(270));
    let lost = job.interrupt(AT(150)).unwrap();
    assert_eq!(lost.micro_steps, 70_000_000);
    assert_eq!((job.phase(), job.saved_micro_steps()), (Phase::Waiting, 200_000_000));
    assert_eq!(job.interrupt(AT(160)), None);
    job.start(AT(200), StepRate::from_steps_per_second(4.0), 1);
    assert_eq!(job.completes_at(), AT(285));
    job.advance(AT(300));
    assert!(job.is_complete());
    assert_eq!(job.totals().lost_micro_steps, 70_000_000);
}

#[test]
fn a_save_that_was_cut_short_does_not_count() {
    let mut job = job(PLAIN, 500);
    job.start(AT(0), StepRate::from_steps_per_second(2.0), 1);
    assert_eq!(job.interrupt(AT(112)).unwrap().micro_steps, 200_000_000);
}

#[test]
fn a_job_that_is_told_to_end_saves_once_more_where_that_fits_into_the_grace_period() {
    let told = |yaml: &str, at: i64, grace: i64| {
        let mut job = job(yaml, 500);
        job.start(AT(0), StepRate::from_steps_per_second(2.0), 1);
        let save = job.save_before_end(AT(at), SimDuration::from_secs(grace));
        let lost = job.interrupt(AT(at) + save.unwrap_or(SimDuration::ZERO)).unwrap();
        (save.map(|save| save.nanos() / 1_000_000_000), lost.micro_steps)
    };
    assert_eq!(told(PLAIN, 50, 5), (Some(5), 0));
    assert_eq!(told(PLAIN, 50, 4), (None, 80_000_000));
    // The save from 110 s to 115 s is under way.
    assert_eq!(told(PLAIN, 112, 5), (Some(3), 0));
    // It still loads.
    assert_eq!(told(PLAIN, 5, 30), (None, 0));
    let deaf = "{phases: {load: {duration: 10s}, checkpoint: {interval: 100s, duration: 5s, onTermination: false}}}";
    assert_eq!(told(deaf, 50, 30), (None, 80_000_000));
}

#[test]
fn without_checkpoints_all_is_lost_and_without_speed_nothing_ends() {
    let mut job = job("{phases: {load: {duration: 0s}, checkpoint: {interval: 0s}}}", 500);
    job.start(AT(0), StepRate::from_steps_per_second(0.0), 1);
    assert_eq!((job.phase(), job.completes_at()), (Phase::Compute, SimTime::MAX));
    job.interrupt(AT(10));
    job.start(AT(10), StepRate::from_steps_per_second(1.0), 1);
    assert_eq!(job.completes_at(), AT(510));
    assert_eq!(job.interrupt(AT(400)).unwrap().micro_steps, 390_000_000);
}

#[test]
fn each_epoch_has_its_speed_and_ends_on_the_whole_second_where_that_is_asked_for() {
    let run = |rounding: &str| {
        let yaml =
            format!("{{epochRounding: {rounding}, phases: {{load: {{duration: 0s}}, checkpoint: {{interval: 0s}}}}}}");
        let options: TrainingOptions = serde_saphyr::from_str(&yaml).unwrap();
        let epochs = Epochs::ending(vec![10_400_000, 20_000_000]).unwrap();
        let mut job = TrainingJob::new(epochs, Arc::new(options), stream(1, "training-job", 0));
        let rates = [1.0, 3.0].map(StepRate::from_steps_per_second);
        job.start(AT(0), Pace::by_epoch(rates), 1);
        let first = job.next_change();
        job.advance(first);
        (first, job.epoch(), job.completes_at(), job.totals_at(first).compute)
    };
    let exact = (SimTime::from_secs_f64(10.4), 1, SimTime::from_secs_f64(13.6), SimDuration::from_millis(10_400));
    assert_eq!(run("0s"), exact);
    // Seen when it happens, counted from the whole second before; 9.6 steps more take 3.2 s, which is 3 s.
    let (first, epoch, ends, compute) = run("1s");
    assert_eq!((first, epoch, ends), (SimTime::from_secs_f64(10.4), 1, AT(13)));
    assert_eq!(compute, SimDuration::from_millis(10_400));
}

#[test]
fn a_job_whose_turn_is_over_holds_what_it_has_until_the_next() {
    let mut job = job("{phases: {load: {duration: 0s}, checkpoint: {interval: 0s}}}", 100);
    job.allow(AT(0), Some(7));
    job.start(AT(0), StepRate::from_steps_per_second(3.0), 1);
    job.advance(AT(100));
    assert_eq!((job.phase(), job.micro_steps_at(AT(100)), job.next_change()), (Phase::Idle, 7_000_000, SimTime::MAX));
    job.allow(AT(100), Some(3));
    assert_eq!(job.next_change(), AT(101));
    job.advance(AT(101));
    job.allow(AT(110), None);
    assert_eq!((job.completes_at(), job.totals().idle.as_secs_f64().round()), (AT(140), 107.0));
    assert_eq!(job.interrupt(AT(120)).unwrap().micro_steps, 40_000_000);
}

#[test]
fn a_pods_usage_varies_by_phase() {
    let mut job = job(PLAIN, 500);
    assert_eq!(job.usage(), UsageFractions::ZERO);
    job.start(AT(0), StepRate::from_steps_per_second(2.0), 1);
    let loading = job.usage();
    job.advance(AT(50));
    let computing = job.usage();
    job.advance(AT(112));
    assert!(loading.gpu < computing.gpu && job.usage().gpu < computing.gpu);
    assert_ne!(job.usage(), loading);
}

#[test]
fn one_straggler_slows_the_whole_gang() {
    let slow = "{phases: {load: {duration: 0s}, checkpoint: {interval: 0s}}, variability: {stragglers: {probability: 0.2, slowdown: 2}}}";
    let ends = |entity, workers| {
        let options: TrainingOptions = serde_saphyr::from_str(slow).unwrap();
        let mut job = TrainingJob::new(Epochs::steps(100), Arc::new(options), stream(1, "training-job", entity));
        job.start(AT(0), StepRate::from_steps_per_second(1.0), workers);
        job.completes_at()
    };
    let slowed = |workers| (0..1000).filter(|entity| ends(*entity, workers) == AT(200)).count();
    assert!((150..250).contains(&slowed(1)), "{}", slowed(1));
    assert!((790..870).contains(&slowed(8)), "{}", slowed(8));
}

proptest! {
    #[test]
    fn how_often_a_job_is_advanced_changes_nothing(
        steps in 1..3_000u64, rate in 0.1..20.0f64, visits in proptest::collection::vec(1..600i64, 0..60), cut in 1..2_000i64,
    ) {
        let yaml = "{phases: {load: {duration: {exponential: {mean: 20s}}}, checkpoint: {interval: 97s, duration: {uniform: {min: 1s, max: 9s}}}}, variability: {jitter: {sigma: 0.2, every: 31s}}}";
        let rate = StepRate::from_steps_per_second(rate);
        let (mut once, mut often) = (job(yaml, steps), job(yaml, steps));
        once.start(AT(0), rate, 4);
        often.start(AT(0), rate, 4);
        prop_assert_eq!(once.completes_at(), often.completes_at());
        let mut at = 0;
        for visit in visits {
            at += visit;
            if at < cut {
                often.advance(AT(at));
                prop_assert!(often.micro_steps_at(AT(at)) >= often.saved_micro_steps());
            }
        }
        prop_assert_eq!(once.interrupt(AT(cut)), often.interrupt(AT(cut)));
        once.start(AT(cut + 5), rate, 4);
        often.start(AT(cut + 5), rate, 4);
        prop_assert_eq!(once.completes_at(), often.completes_at());
        prop_assert_eq!(once.totals(), often.totals());
    }
}

/// 10 s to load, a save of 4 s after every 100 s of compute that counts 30 s later.
const BESIDE: &str = "{phases: {load: {duration: 10s}, checkpoint: {interval: 100s, duration: 4s, background: 30s}}}";

#[test]
fn a_save_that_goes_on_beside_the_steps_counts_when_it_is_done() {
    let lost = |at: i64| {
        let mut job = job(BESIDE, 1000);
        job.start(AT(0), StepRate::from_steps_per_second(1.0), 1);
        (job.interrupt(AT(at)).unwrap().micro_steps / 1_000_000, job.totals().lost.as_secs_f64())
    };
    // The pause is from 110 s to 114 s, and the copy counts from 144 s.
    assert_eq!(lost(143), (129, 129.0));
    assert_eq!(lost(144), (30, 30.0));
    let mut whole = job(BESIDE, 1000);
    whole.start(AT(0), StepRate::from_steps_per_second(1.0), 1);
    // 9 pauses: the last 100 steps end with the work.
    assert_eq!(whole.completes_at(), AT(10 + 1000 + 9 * 4));
}

#[test]
fn the_next_save_waits_for_the_one_that_is_still_going_on() {
    let slow = BESIDE.replace("30s", "150s");
    let mut job = job(&slow, 1000);
    job.start(AT(0), StepRate::from_steps_per_second(1.0), 1);
    let mut saves = Vec::new();
    while job.next_change() < SimTime::MAX {
        job.advance(job.next_change());
        if job.phase() == Phase::Checkpoint {
            saves.push(job.next_change());
        }
    }
    // Written from 114 s to 264 s, so the second pause is from 264 s to 268 s, and so on.
    assert_eq!(saves[..3], [AT(114), AT(268), AT(422)]);
}

#[test]
fn a_last_save_is_made_to_the_end() {
    let told = |at: i64, grace: i64| {
        let mut job = job(BESIDE, 1000);
        job.start(AT(0), StepRate::from_steps_per_second(1.0), 1);
        let takes = job.save_before_end(AT(at), SimDuration::from_secs(grace));
        let lost = job.interrupt(AT(at) + takes.unwrap_or(SimDuration::ZERO)).unwrap();
        (takes.map(|takes| takes.nanos() / 1_000_000_000), lost.micro_steps / 1_000_000)
    };
    assert_eq!((told(60, 34), told(60, 33)), ((Some(34), 0), (None, 50)));
    // In the pause from 110 s to 114 s: what is left of it, and 30 s.
    assert_eq!((told(112, 32), told(112, 31)), ((Some(32), 0), (None, 100)));
    // Just what is being written is all that is done.
    assert_eq!(told(114, 30), (Some(30), 0));
}

const TIERS: &str = "{phases: {load: {duration: 100s}, checkpoint: {interval: 1000s, duration: 20s, tiers: {
    memory: {interval: 100s, duration: 1s, copies: 2, load: 5s}, local: {interval: 300s, duration: 3s, load: 30s}}}}}";

/// Interrupted at 1,000 s, on nodes 1, 2 and 3, and started again on others.
fn resumed_on(nodes: &[u32]) -> (TrainingJob, f64) {
    let mut job = job(TIERS, 5000);
    let rate = StepRate::from_steps_per_second(1.0);
    job.place(Arc::new([1, 2, 3]), f64::INFINITY);
    job.start(AT(0), rate, 3);
    job.interrupt(AT(1000)).unwrap();
    let lost = job.totals().lost.as_secs_f64();
    job.place(nodes.into(), f64::INFINITY);
    job.start(AT(2000), rate, 3);
    (job, lost)
}

#[test]
fn a_gang_goes_on_from_the_nearest_copy_that_it_finds() {
    // 100 s of load; memory saves of 1 s at 100, 200, 400, 500, 700 and 800 s of compute, local ones of 3 s at 300 and 600 s:
    // 100 + 800 + 6 + 6 = 912 s, so that 888 s of compute are done at 1,000 s.
    let (same, lost) = resumed_on(&[1, 2, 3]);
    assert_eq!(lost, 888.0);
    assert_eq!((same.next_change(), same.micro_steps_at(AT(2000))), (AT(2005), 800_000_000));
    assert_eq!((same.totals().lost.as_secs_f64(), same.totals().lost_micro_steps), (88.0, 88_000_000));
    // A peer has the part of the node that is gone.
    let (one_other, _) = resumed_on(&[1, 2, 9]);
    assert_eq!((one_other.next_change(), one_other.micro_steps_at(AT(2000))), (AT(2005), 800_000_000));
    let (two_others, _) = resumed_on(&[1, 8, 9]);
    assert_eq!((two_others.next_change(), two_others.micro_steps_at(AT(2000))), (AT(2100), 0));
    assert_eq!(two_others.totals().lost.as_secs_f64(), 888.0);
}

#[test]
fn time_adds_up_whatever_copy_is_taken_up() {
    for nodes in [[1, 2, 3], [1, 2, 9], [1, 8, 9]] {
        let (mut job, _) = resumed_on(&nodes);
        let again = job.interrupt(AT(3500)).unwrap();
        job.place(Arc::new([1, 8, 10]), f64::INFINITY);
        job.start(AT(4000), StepRate::from_steps_per_second(1.0), 3);
        let end = job.completes_at();
        job.advance(end);
        let TrainingTotals { load, compute, checkpoint, lost, lost_micro_steps, .. } = *job.totals();
        let ran = (AT(1000) - AT(0)) + (AT(3500) - AT(2000)) + (end - AT(4000));
        assert_eq!(load + compute + checkpoint, ran, "{nodes:?} {again:?}");
        // A step a second: what is kept is the work, and what is lost the steps that were.
        assert_eq!(compute - lost, SimDuration::from_secs(5000));
        assert_eq!(lost_micro_steps, lost.nanos() / 1000);
    }
}

#[test]
fn saves_are_as_rare_as_young_and_daly_have_it() {
    let yaml = "{phases: {load: {duration: 0s}, checkpoint: {duration: 32s, youngDaly: {nodeMttf: 100h}}}}";
    let first = |nodes: u32| {
        let mut job = job(yaml, 1_000_000);
        job.place((0..nodes).collect(), f64::INFINITY);
        job.start(AT(0), StepRate::from_steps_per_second(1.0), 1);
        job.next_change().as_secs_f64()
    };
    // sqrt(2 * 32 s * 360,000 s / nodes)
    assert_eq!((first(1), first(4), first(16)), (4800.0, 2400.0, 1200.0));
}

#[test]
fn a_job_is_no_faster_than_its_data_come() {
    let run = |fed: f64, yaml: &str| {
        let mut job = job(yaml, 300);
        job.place(Arc::new([0]), fed);
        job.start(AT(0), StepRate::from_steps_per_second(1.0), 1);
        let end = job.completes_at();
        job.advance(end);
        (end, job.totals().data.as_secs_f64(), job.totals().slow.as_secs_f64())
    };
    let plain = "{phases: {load: {duration: 0s}, checkpoint: {interval: 0s}}}";
    assert_eq!(run(0.75, plain), (AT(400), 100.0, 0.0));
    assert_eq!(run(1.5, plain), (AT(300), 0.0, 0.0));
    let straggles = "{phases: {load: {duration: 0s}, checkpoint: {interval: 0s}}, variability: {stragglers: {probability: 1, slowdown: 2}}}";
    // At half its speed for a straggler, data for a quarter: 1,200 s, half of them the straggler's, a quarter the data's.
    assert_eq!(run(0.25, straggles), (AT(1200), 300.0, 600.0));
    assert_eq!(run(0.5, straggles), (AT(600), 0.0, 300.0));
}

#[test]
fn what_contradicts_itself_is_refused() {
    for (phases, field) in [
        ("checkpoint: {youngDaly: {nodeMttf: 0s}}", "phases.checkpoint.youngDaly.nodeMttf"),
        ("checkpoint: {duration: 0s, youngDaly: {nodeMttf: 1h}}", "phases.checkpoint.youngDaly"),
        ("checkpoint: {interval: 1ms}", "phases.checkpoint.interval"),
        ("checkpoint: {tiers: {memory: {interval: 0s}}}", "phases.checkpoint.tiers.memory.interval"),
        ("checkpoint: {tiers: {local: {interval: 1m, copies: 9}}}", "phases.checkpoint.tiers.local.copies"),
        ("data: {readPerGpu: 1Gi}", "phases.data.readPerGpu"),
        ("data: {nodeBandwidth: 1Gi}", "phases.data.nodeBandwidth"),
        ("data: {readPerGpu: 1Gi, nodeBandwidth: 0}", "phases.data.nodeBandwidth"),
    ] {
        let options: TrainingOptions = serde_saphyr::from_str(&format!("{{phases: {{{phases}}}}}")).unwrap();
        assert_eq!(options.validate().unwrap_err().field, field);
    }
}
