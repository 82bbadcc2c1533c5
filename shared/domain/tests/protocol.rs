//! The protocol under faults: whatever happens in whatever order, the invariants hold and every grant ends.
//!
//! The world in `support` performs what `protocol::grant` and `protocol::membership` ask for and watches every effect.
//! First come the cases that have a name, each tried at every step at which it can happen; then histories drawn at
//! random; then mistakes in the rules, each of which such histories have to find.

#[cfg(test)]
mod support;

/// Lives without and with one fault, at every step.
#[cfg(test)]
mod lives {
    use hourglass_domain::grant::{EndReason, GrantStatus, TargetStatus};
    use hourglass_domain::protocol::Production;

    use crate::support::{CONFIRM_AFTER, Fault, World, key};

    /// Long enough for a lease, the longest retry, a sweep, a proof and a sweep.
    const ENOUGH_SECONDS: i64 = 420;

    #[test]
    fn access_comes_with_its_timer_and_goes_with_a_proof() {
        let mut world = World::new();
        let grant = world.approve(&[0], 600);
        world.trigger::<Production>(grant);
        assert_eq!(world.status(grant), GrantStatus::Active);
        assert!(world.directory.is_member(&key(0), world.now));
        let fires: Vec<_> = world.schedules.values().copied().collect();
        assert_eq!(fires, [world.grant(grant).expires_at]);
        let made = world.grant(grant).schedule.clone();
        assert_eq!(made.map(|name| name.n), Some(1));
        assert_eq!(world.grant(grant).next_schedule, 1, "the one that is wanted");

        world.pass(600);
        for grant in world.take_fired() {
            world.trigger::<Production>(grant);
        }
        assert!(!world.directory.is_member(&key(0), world.now), "gone with the trigger");
        assert_eq!(
            world.status(grant),
            GrantStatus::Ending,
            "not ended before it is proved"
        );
        assert_eq!(world.grant(grant).targets[0].status, TargetStatus::RemovingUnconfirmed);
        world.pass(CONFIRM_AFTER);
        world.sweep::<Production>();
        let ended = world.grant(grant);
        assert_eq!(ended.status, GrantStatus::Ended);
        assert_eq!(ended.ended_because, Some(EndReason::Expired));
        assert_eq!(ended.targets[0].status, TargetStatus::Absent);
        world.check_all_over();
        world.check();
    }

    #[test]
    fn an_exact_grant_ends_at_its_second_by_a_message() {
        let mut world = World::new();
        world.exact = true;
        let grant = world.approve(&[0], 600);
        world.trigger::<Production>(grant);
        let end = world.grant(grant).expires_at;
        let fires: Vec<_> = world.schedules.values().copied().collect();
        assert_eq!(fires, [end.plus_seconds(-60)], "so early that it cannot come late");
        world.pass(539);
        assert_eq!((world.take_fired(), world.messages.len()), (Vec::new(), 0));
        // The schedule fires anywhere in its minute.
        world.pass(42);
        assert_eq!(world.take_fired(), Vec::new(), "nothing ends before its time");
        assert_eq!(world.messages, [(grant, end)]);
        assert!(world.schedules.is_empty());
        world.pass(19);
        assert_eq!(world.take_fired(), [grant]);
        world.trigger::<Production>(grant);
        assert!(!world.directory.is_member(&key(0), world.now));
        world.quiet::<Production>(ENOUGH_SECONDS);
        world.check_all_over();
        world.check();
    }

    #[test]
    fn with_little_time_left_the_message_is_the_timer() {
        for (lasts, by_message) in [(121, false), (120, true), (90, true)] {
            let mut world = World::new();
            world.exact = true;
            let grant = world.approve(&[0], lasts);
            world.trigger::<Production>(grant);
            assert_eq!(world.status(grant), GrantStatus::Active);
            assert_eq!(world.schedules.is_empty(), by_message, "{lasts}");
            assert_eq!(world.messages.len(), usize::from(by_message), "{lasts}");
            assert_eq!(world.grant(grant).schedule.is_none(), by_message);
            world.quiet::<Production>(lasts + ENOUGH_SECONDS);
            world.check_all_over();
            world.check();
        }
    }

    /// The process is killed after any step of the grant and after any of its end.
    #[test]
    fn a_worker_may_die_after_every_step_of_a_grant_and_of_its_end() {
        let mut points = (0, 0);
        for first in 0.. {
            let mut world = World::new();
            world.directory.with_standing(key(1));
            let grant = world.approve(&[0, 1], 600);
            let died = world.trigger_and_die::<Production>(grant, first);
            world.quiet::<Production>(300);
            assert_eq!(world.status(grant), GrantStatus::Active, "died after step {first}");
            world.check_live_grants_give_access(0);
            world.check();
            if !died {
                points.0 = first;
                break;
            }
        }
        for second in 0.. {
            let mut world = World::new();
            world.directory.with_standing(key(1));
            let grant = world.approve(&[0, 1], 600);
            world.trigger::<Production>(grant);
            world.pass(600);
            world.schedules.clear();
            let died = world.trigger_and_die::<Production>(grant, second);
            world.quiet::<Production>(ENOUGH_SECONDS);
            world.check_all_over();
            world.check_triggers_change_nothing::<Production>();
            world.check();
            if !died {
                points.1 = second;
                break;
            }
        }
        assert!(points.0 > 10 && points.1 > 8, "every step was tried: {points:?}");
    }

    #[test]
    fn two_deaths_one_in_the_grant_and_one_in_its_end() {
        for first in 0..16 {
            for second in 0..12 {
                let mut world = World::new();
                let grant = world.approve(&[0], 120);
                world.trigger_and_die::<Production>(grant, first);
                world.pass(120);
                world.trigger_and_die::<Production>(grant, second);
                world.quiet::<Production>(ENOUGH_SECONDS);
                world.check_all_over();
                world.check();
            }
        }
    }

    /// Lost answers, throttling, refusals, adds that land late, at every single step.
    #[test]
    fn every_fault_at_every_step_is_got_over() {
        let faults = [
            Fault::AnswerLost,
            Fault::NotDone,
            Fault::Late(20),
            Fault::RetryAfter(86_400),
            Fault::NoBudget(86_400),
        ];
        let mut hit = 0;
        for fault in faults {
            for step in 0..40 {
                for ending in [false, true] {
                    let mut world = World::new();
                    let grant = world.approve(&[0], 600);
                    if ending {
                        world.trigger::<Production>(grant);
                        world.pass(600);
                    }
                    let mut run = world.worker(grant);
                    let mut over = (0..step).any(|_| run.unit::<Production>(&mut world, Fault::None));
                    if !over {
                        hit += 1;
                        over = run.unit::<Production>(&mut world, fault);
                    }
                    if !over {
                        world.finish::<Production>(run);
                    }
                    if !ending {
                        world.quiet::<Production>(300);
                        assert_eq!(world.status(grant), GrantStatus::Active, "{fault:?} at {step}");
                        assert_eq!(
                            world.grant(grant).targets[0].last_error,
                            None,
                            "what is over is not shown"
                        );
                        world.check_live_grants_give_access(0);
                        world.pass(300);
                    }
                    world.quiet::<Production>(ENOUGH_SECONDS);
                    world.check_all_over();
                    world.check();
                }
            }
        }
        assert!(hit > 80, "{hit} faults hit a step");
    }

    /// Two workers with the same grant, switched at every pair of steps: stream and sweep, or schedule and sweep.
    #[test]
    fn two_workers_at_one_grant_do_no_more_than_one() {
        for ending in [false, true] {
            for first in 0..18 {
                for second in 0..18 {
                    let mut world = World::new();
                    let grant = world.approve(&[0], 600);
                    if ending {
                        world.trigger::<Production>(grant);
                        world.pass(600);
                    }
                    let (mut a, mut b) = (world.worker(grant), world.worker(grant));
                    let a_over = (0..first).any(|_| a.unit::<Production>(&mut world, Fault::None));
                    let b_over = (0..second).any(|_| b.unit::<Production>(&mut world, Fault::None));
                    if !a_over {
                        world.finish::<Production>(a);
                    }
                    if !b_over {
                        world.finish::<Production>(b);
                    }
                    if ending {
                        assert_eq!(world.directory.removes, 1, "switched after {first} and {second}");
                    } else {
                        assert_eq!(world.directory.adds, 1, "switched after {first} and {second}");
                        world.pass(600);
                    }
                    world.quiet::<Production>(ENOUGH_SECONDS);
                    world.check_all_over();
                    world.check();
                }
            }
        }
    }
}

/// What has to be true before a member is added.
#[cfg(test)]
mod before_an_add {
    use hourglass_domain::grant::{EndReason, GrantStatus};
    use hourglass_domain::protocol::Production;
    use hourglass_domain::protocol::membership::View;

    use crate::support::{Fault, MemberRun, World, key, target};

    #[test]
    fn nobody_is_added_while_the_timer_cannot_be_made() {
        for fault in [Fault::NotDone, Fault::AnswerLost] {
            let mut world = World::new();
            let grant = world.approve(&[0], 3_600);
            while world.now < world.grant(grant).expires_at {
                let mut run = world.worker(grant);
                // Step 0 verifies, step 1 makes the schedule.
                let over = run.unit::<Production>(&mut world, Fault::None) || run.unit::<Production>(&mut world, fault);
                assert!(!over);
                world.finish::<Production>(run);
                assert_eq!(world.status(grant), GrantStatus::Approved);
                let due = world.grant(grant).due.iter().map(|entry| entry.at).min().unwrap();
                assert!(due <= world.now.plus_seconds(60), "retried within a minute for ever");
                world.pass(due.seconds_since(world.now).max(1));
            }
            world.quiet::<Production>(120);
            assert_eq!(world.directory.calls(), (0, 0, 0));
            assert_eq!(world.grant(grant).ended_because, Some(EndReason::Expired));
            world.check();
        }
    }

    #[test]
    fn nobody_is_added_on_evidence_that_does_not_verify() {
        let mut world = World::new();
        let grant = world.approve(&[0], 600);
        let mut run = world.worker(grant);
        assert!(!run.unit::<Production>(&mut world, Fault::Refused));
        world.finish::<Production>(run);
        assert_eq!(world.directory.calls(), (0, 0, 0));
        assert!(world.schedules.is_empty());
        assert_eq!(world.status(grant), GrantStatus::Ended);
        assert_eq!(world.grant(grant).ended_because, Some(EndReason::Failed));
        assert_eq!(
            world.grant(grant).targets[0].last_error.as_deref(),
            Some("the evidence does not verify")
        );
        world.check_all_over();
        world.check();
    }

    #[test]
    fn evidence_that_cannot_be_checked_waits_and_adds_nobody() {
        let mut world = World::new();
        let grant = world.approve(&[0], 600);
        for _ in 0..12 {
            let mut run = world.worker(grant);
            assert!(!run.unit::<Production>(&mut world, Fault::NotDone));
            world.finish::<Production>(run);
            world.pass_until_promised(grant);
        }
        assert_eq!(world.status(grant), GrantStatus::Approved);
        assert_eq!(world.directory.calls(), (0, 0, 0));
        world.quiet::<Production>(70);
        assert_eq!(world.status(grant), GrantStatus::Active, "and goes on once it can");
        world.check();
    }

    /// A stalled worker wakes up with the intent stored, when its grant's time is up or its lease nearly over.
    #[test]
    fn a_worker_that_slept_makes_no_call_for_which_the_time_is_gone() {
        for lasts in [15, 600] {
            for step in 0..20 {
                for sleeps in [10, 16, 24, 26, 29, 31, 40, 46, 70] {
                    let mut world = World::new();
                    let grant = world.approve(&[0], lasts);
                    let mut run = world.worker(grant);
                    if !(0..step).any(|_| run.unit::<Production>(&mut world, Fault::None)) {
                        world.pass(sleeps);
                        world.finish::<Production>(run);
                    }
                    world.quiet::<Production>(lasts + 300);
                    world.check_all_over();
                    world.check();
                }
            }
        }
    }

    /// The add takes its time and the grant ends meanwhile: the same run removes what it added.
    #[test]
    fn a_member_whose_grant_ended_during_the_add_goes_at_once() {
        let mut world = World::new();
        let grant = world.approve(&[0], 15);
        world.trigger_and_die::<Production>(grant, 4);
        let mut run = MemberRun::new(&mut world, key(0));
        world.pass(8);
        while world.directory.adds == 0 {
            assert!(run.unit::<Production>(&mut world, Fault::None).is_none());
        }
        world.pass(10);
        let outcome = run.finish::<Production>(&mut world);
        assert_eq!(outcome.view, View::Unconfirmed);
        assert!(!world.directory.is_member(&key(0), world.now));
        world.check();
    }

    /// Every step takes seconds: the lease is given back before a call could outlive it, and the next run goes on.
    #[test]
    fn a_slow_worker_gives_the_lease_back_in_time() {
        for slowness in 1..=15 {
            let mut world = World::new();
            let grant = world.approve(&[0], 600);
            let mut run = world.worker(grant);
            while !run.unit::<Production>(&mut world, Fault::None) {
                world.pass(slowness);
            }
            let lease = world.table.snapshot(&key(0)).membership.lease;
            assert_eq!(lease, None, "{slowness} s a step");
            world.quiet::<Production>(120);
            assert_eq!(world.status(grant), GrantStatus::Active);
            world.check();
        }
    }

    #[test]
    fn a_scheduled_start_is_not_brought_forward_and_not_forgotten() {
        let mut world = World::new();
        let grant = world.approve_later(&[0], 900, 600);
        let before = world.table.clone();
        world.trigger::<Production>(grant);
        assert_eq!(world.table, before, "an early trigger changes nothing");
        assert!(world.schedules.is_empty());
        world.quiet::<Production>(890);
        assert_eq!(world.directory.calls(), (0, 0, 0));
        world.quiet::<Production>(75);
        assert!(world.directory.is_member(&key(0), world.now));
        world.check();
    }

    /// A group that the directory does not know stays unknown for a while, then refuses the grant.
    #[test]
    fn a_group_that_does_not_exist_fails_the_grant_after_a_while_and_a_new_one_gets_its_time() {
        let mut world = World::new();
        world.directory.set_gone(&target(0), true, world.now);
        let first = world.approve(&[0], 600);
        world.trigger::<Production>(first);
        assert_eq!(
            world.status(first),
            GrantStatus::Activating,
            "it may be new and not visible yet"
        );
        world.quiet::<Production>(200);
        assert_eq!(world.status(first), GrantStatus::Ended);
        assert_eq!(world.grant(first).ended_because, Some(EndReason::Failed));

        // What failed for the first grant does not count against the next.
        world.pass(86_400);
        let second = world.approve(&[0], 600);
        world.trigger::<Production>(second);
        assert_eq!(world.status(second), GrantStatus::Activating);
        world.directory.set_gone(&target(0), false, world.now);
        world.quiet::<Production>(75);
        assert_eq!(world.status(second), GrantStatus::Active);
        world.check();
    }
}

/// Members that were there before us, and how ours are told apart from them.
#[cfg(test)]
mod baselines {
    use hourglass_domain::grant::{EndReason, GrantStatus, TargetStatus};
    use hourglass_domain::membership::Presence;
    use hourglass_domain::protocol::Production;

    use crate::support::{Fault, World, key, target};

    #[test]
    fn a_standing_member_is_left_alone_and_said_to_stay() {
        for early in [false, true] {
            let mut world = World::new();
            world.directory.with_standing(key(0));
            let grant = world.approve(&[0], 600);
            world.trigger::<Production>(grant);
            assert_eq!(world.status(grant), GrantStatus::Active);
            if early {
                world.order(grant, EndReason::Revoked);
            }
            world.quiet::<Production>(700);
            assert_eq!(world.grant(grant).targets[0].status, TargetStatus::KeptStanding);
            assert_eq!((world.directory.adds, world.directory.removes), (0, 0));
            world.check_all_over();
            world.check();
        }
    }

    /// The add landed and its answer was lost, with or without the worker: the next worker finds the member there and
    /// knows it for its own.
    #[test]
    fn an_add_whose_answer_was_lost_is_not_taken_for_a_standing_member() {
        for dies in [false, true] {
            for fault in [Fault::AnswerLost, Fault::Late(20)] {
                let mut world = World::new();
                let grant = world.approve(&[0], 600);
                let mut run = world.worker(grant);
                while world.directory.adds == 0 {
                    let intent = matches!(world.table.snapshot(&key(0)).membership.presence, Presence::Adding);
                    let fault = if intent { fault } else { Fault::None };
                    assert!(!run.unit::<Production>(&mut world, fault));
                }
                if !dies {
                    world.finish::<Production>(run);
                }
                world.pass(25);
                assert!(world.directory.is_member(&key(0), world.now), "the add has landed");
                assert_eq!(world.status(grant), GrantStatus::Activating);
                world.quiet::<Production>(120);
                assert_eq!(world.status(grant), GrantStatus::Active);
                assert!(matches!(
                    world.table.snapshot(&key(0)).membership.presence,
                    Presence::Present { .. }
                ));
                world.quiet::<Production>(900);
                assert_eq!(world.grant(grant).targets[0].status, TargetStatus::Absent);
                world.check_all_over();
                world.check();
            }
        }
    }

    /// The same, but the grant is ended before anybody learns whether the add landed.
    #[test]
    fn an_add_that_nobody_heard_of_again_is_removed_and_proved() {
        for fault in [Fault::AnswerLost, Fault::NotDone, Fault::Late(25)] {
            let mut world = World::new();
            let grant = world.approve(&[0], 600);
            let mut run = world.worker(grant);
            // Verify, schedule, commit, converge; lease, inspection, intent; and the add with its fault.
            assert!(!(0..7).any(|_| run.unit::<Production>(&mut world, Fault::None)));
            assert!(!run.unit::<Production>(&mut world, fault));
            drop(run);
            world.order(grant, EndReason::CheckedIn);
            world.quiet::<Production>(300);
            assert_eq!(world.status(grant), GrantStatus::Ended);
            assert_eq!(world.grant(grant).targets[0].status, TargetStatus::Absent);
            world.check_all_over();
            world.check();
        }
    }

    #[test]
    fn each_episode_looks_again_whether_the_member_stands() {
        let mut world = World::new();
        world.directory.with_standing(key(0));
        let first = world.approve(&[0], 120);
        world.trigger::<Production>(first);
        world.quiet::<Production>(240);
        assert_eq!(world.grant(first).targets[0].status, TargetStatus::KeptStanding);

        // An admin takes the standing member out: the next grant's member is ours.
        world.directory.standing.remove(&key(0));
        world.directory.set(&key(0), false, world.now);
        world.pass(120);
        let second = world.approve(&[0], 120);
        world.trigger::<Production>(second);
        assert_eq!(world.directory.adds, 1);
        world.quiet::<Production>(400);
        assert_eq!(world.grant(second).targets[0].status, TargetStatus::Absent);
        assert!(!world.directory.is_member(&key(0), world.now));

        // And back, long after anybody looked whether it came back by itself: it is not ours again.
        world.quiet_for_long::<Production>(100 * 60);
        world.directory.set(&key(0), true, world.now);
        world.directory.standing.insert(key(0));
        world.pass(120);
        let third = world.approve(&[0], 120);
        world.trigger::<Production>(third);
        world.quiet::<Production>(400);
        assert_eq!(world.grant(third).targets[0].status, TargetStatus::KeptStanding);
        assert_eq!((world.directory.adds, world.directory.removes), (1, 1));
        world.check();
    }

    #[test]
    fn overlapping_grants_share_what_was_found_out() {
        let mut world = World::new();
        world.directory.with_standing(key(0));
        let first = world.approve(&[0], 120);
        world.trigger::<Production>(first);
        let reads = world.directory.reads;
        let second = world.approve(&[0], 600);
        world.trigger::<Production>(second);
        assert_eq!(world.directory.reads, reads, "the episode is the same");
        world.quiet::<Production>(900);
        for grant in [first, second] {
            assert_eq!(world.grant(grant).targets[0].status, TargetStatus::KeptStanding);
        }
        world.check_all_over();
        world.check();
    }

    #[test]
    fn a_grant_that_never_looked_does_not_say_that_a_known_standing_member_is_absent() {
        let mut world = World::new();
        world.directory.with_standing(key(0));
        let first = world.approve(&[0], 120);
        world.trigger::<Production>(first);
        world.quiet::<Production>(240);
        let second = world.approve(&[0], 120);
        world.order(second, EndReason::Revoked);
        world.trigger::<Production>(second);
        assert_eq!(world.status(second), GrantStatus::Ended);
        assert_eq!(world.grant(second).targets[0].status, TargetStatus::KeptStanding);
        world.check();
    }

    /// A deleted group that is restored brings its members back. One that was ours when it went is still ours.
    #[test]
    fn a_member_that_comes_back_with_its_group_is_not_taken_for_a_standing_one() {
        let mut world = World::new();
        let first = world.approve(&[0], 120);
        world.trigger::<Production>(first);
        world.directory.set_gone(&target(0), true, world.now);
        world.pass(120);
        world.trigger::<Production>(first);
        assert_eq!(
            world.grant(first).targets[0].status,
            TargetStatus::RemovingUnconfirmed,
            "once is not enough"
        );
        world.quiet::<Production>(180);
        assert_eq!(world.grant(first).targets[0].status, TargetStatus::TargetGone);
        assert_eq!(world.status(first), GrantStatus::Ended);

        // The removal never took: the directory had lost the group, not the member.
        world.directory.set(&key(0), true, world.now);
        world.directory.set_gone(&target(0), false, world.now);
        world.pass(120);
        let second = world.approve(&[0], 120);
        world.trigger::<Production>(second);
        assert_eq!(world.status(second), GrantStatus::Active);
        world.quiet::<Production>(420);
        assert_eq!(world.grant(second).targets[0].status, TargetStatus::Absent);
        world.check_all_over();
        world.check();
    }
}

/// Several grants on one membership.
#[cfg(test)]
mod overlaps {
    use hourglass_domain::grant::{EndReason, GrantStatus, TargetStatus};
    use hourglass_domain::membership::Presence;
    use hourglass_domain::protocol::Production;

    use crate::support::{Fault, World, key};

    /// The member stays until the last grant ends, whichever came first, and whoever is revoked.
    #[test]
    fn the_member_stays_until_the_last_of_two_grants_ends() {
        for (first, second) in [(300, 1_200), (1_200, 300), (600, 600)] {
            for revoked in [None, Some(0), Some(1)] {
                let mut world = World::new();
                let grants = [world.approve(&[0], first), world.approve(&[0], second)];
                for grant in grants {
                    world.trigger::<Production>(grant);
                }
                assert_eq!(world.directory.adds, 1);
                if let Some(revoked) = revoked {
                    world.order(grants[revoked], EndReason::Revoked);
                }
                let live_end = grants
                    .iter()
                    .enumerate()
                    .filter(|(n, _)| revoked != Some(*n))
                    .map(|(_, grant)| world.grant(*grant).expires_at)
                    .max()
                    .unwrap();
                while world.now.plus_seconds(20) < live_end {
                    world.quiet::<Production>(20);
                    assert!(
                        world.directory.is_member(&key(0), world.now),
                        "{first} s, {second} s, revoked {revoked:?}"
                    );
                }
                world.quiet::<Production>(1_300);
                assert_eq!(world.directory.removes, 1);
                world.check_all_over();
                world.check();
            }
        }
    }

    #[test]
    fn the_grant_that_ends_first_says_that_another_one_keeps_the_member() {
        let mut world = World::new();
        let short = world.approve(&[0], 300);
        let long = world.approve(&[0], 900);
        world.trigger::<Production>(short);
        world.trigger::<Production>(long);
        world.quiet::<Production>(320);
        assert_eq!(world.status(short), GrantStatus::Ended);
        assert_eq!(world.grant(short).targets[0].status, TargetStatus::KeptByOtherGrant);
        assert_eq!(world.status(long), GrantStatus::Active);
        world.quiet::<Production>(900);
        assert_eq!(world.grant(long).targets[0].status, TargetStatus::Absent);
        world.check_all_over();
        world.check();
    }

    /// A waiting grant keeps the member across the seam, and adds nobody.
    #[test]
    fn a_grant_that_is_approved_in_time_takes_the_member_over() {
        let mut world = World::new();
        let first = world.approve(&[0], 300);
        world.trigger::<Production>(first);
        world.pass(299);
        let second = world.approve(&[0], 300);
        world.pass(1);
        world.trigger::<Production>(first);
        assert_eq!(world.grant(first).targets[0].status, TargetStatus::KeptByOtherGrant);
        assert!(world.directory.is_member(&key(0), world.now));
        world.trigger::<Production>(second);
        assert_eq!(world.status(second), GrantStatus::Active);
        assert_eq!(world.directory.calls(), (1, 0, 1), "one add, no removal, one look");
        world.check();
    }

    #[test]
    fn a_grant_that_starts_next_week_does_not_keep_todays_member() {
        let mut world = World::new();
        let today = world.approve(&[0], 300);
        let next_week = world.approve_later(&[0], 7 * 86_400, 300);
        world.trigger::<Production>(today);
        world.pass(300);
        world.quiet::<Production>(240);
        assert_eq!(world.status(today), GrantStatus::Ended);
        assert_eq!(world.grant(today).targets[0].status, TargetStatus::Absent);
        assert!(!world.directory.is_member(&key(0), world.now));
        world.pass(7 * 86_400 - 540);
        world.quiet::<Production>(120);
        assert_eq!(world.status(next_week), GrantStatus::Active);
        world.check();
    }

    /// The other grant's start passes while the worker sleeps between its decision to remove and the removal.
    #[test]
    fn a_removal_is_not_sent_once_the_next_grant_has_started() {
        let mut world = World::new();
        let first = world.approve(&[0], 300);
        let second = world.approve_later(&[0], 310, 300);
        world.trigger::<Production>(first);
        world.pass(300);
        let mut run = world.worker(first);
        while !matches!(
            world.table.snapshot(&key(0)).membership.presence,
            Presence::Removing { .. }
        ) {
            assert!(!run.unit::<Production>(&mut world, Fault::None));
        }
        world.pass(15);
        world.finish::<Production>(run);
        assert_eq!(world.directory.removes, 0);
        world.trigger::<Production>(second);
        assert_eq!(world.status(second), GrantStatus::Active);
        world.check();
    }

    /// The worker of the grant that ends comes too late to add for the other one: what it says is no end either.
    #[test]
    fn a_record_that_still_waits_for_its_add_is_not_said_to_be_gone() {
        let mut world = World::new();
        let first = world.approve(&[0], 600);
        let second = world.approve(&[0], 900);
        world.trigger_and_die::<Production>(second, 4);
        let mut membership = world.table.snapshot(&key(0)).membership;
        membership.presence = Presence::Gone;
        world.table.memberships.insert(key(0), (membership, 1));
        world.order(first, EndReason::Revoked);
        let mut run = world.worker(first);
        while world.table.snapshot(&key(0)).membership.lease.is_none() {
            assert!(!run.unit::<Production>(&mut world, Fault::None));
        }
        world.pass(30);
        world.finish::<Production>(run);
        assert_eq!(world.grant(first).targets[0].status, TargetStatus::KeptByOtherGrant);
        world.check();
    }

    /// The removal is at any of its steps when the next approval comes and its worker runs.
    #[test]
    fn a_grant_that_comes_while_the_member_is_being_removed_gets_it() {
        let mut tried = 0;
        for step in 0..20 {
            for proving in [false, true] {
                for resumes in [false, true] {
                    let mut world = World::new();
                    let first = world.approve(&[0], 300);
                    world.trigger::<Production>(first);
                    world.pass(300);
                    if proving {
                        world.trigger::<Production>(first);
                        world.pass(61);
                    }
                    let mut run = world.worker(first);
                    let over = (0..step).any(|_| run.unit::<Production>(&mut world, Fault::None));
                    tried += usize::from(!over);
                    let second = world.approve(&[0], 900);
                    world.trigger::<Production>(second);
                    if !over && resumes {
                        world.finish::<Production>(run);
                    }
                    world.quiet::<Production>(240);
                    assert_eq!(world.status(first), GrantStatus::Ended);
                    assert_eq!(world.status(second), GrantStatus::Active);
                    world.check_live_grants_give_access(0);
                    world.quiet::<Production>(1_100);
                    world.check_all_over();
                    world.check();
                }
            }
        }
        assert!(tried > 25, "{tried} removals were interrupted");
    }

    /// The second grant is only approved when the removal is under way, and then refused: nothing keeps the member.
    #[test]
    fn a_grant_that_comes_during_a_removal_and_fails_leaves_nobody_behind() {
        for step in 0..20 {
            let mut world = World::new();
            let first = world.approve(&[0], 300);
            world.trigger::<Production>(first);
            world.pass(300);
            let mut run = world.worker(first);
            let over = (0..step).any(|_| run.unit::<Production>(&mut world, Fault::None));
            let second = world.approve(&[0], 900);
            if !over {
                world.finish::<Production>(run);
            }
            let mut refused = world.worker(second);
            assert!(!refused.unit::<Production>(&mut world, Fault::Refused));
            world.finish::<Production>(refused);
            world.quiet::<Production>(360);
            world.check_all_over();
            world.check();
        }
    }
}

/// The end: when it is ordered, when it is proved, and that it is final.
#[cfg(test)]
mod ends {
    use hourglass_domain::grant::{EndReason, GrantStatus, TargetStatus};
    use hourglass_domain::membership::{Lease, Presence};
    use hourglass_domain::protocol::membership::View;
    use hourglass_domain::protocol::{Production, Rules};

    use crate::support::{CONFIRM_AFTER, Fault, MemberRun, START, World, key, target};

    /// The order comes at any step of the activation, and either worker goes on first.
    #[test]
    fn an_order_to_end_that_races_with_activation_wins() {
        let mut raced = 0;
        for step in 0..20 {
            for ender_first in [false, true] {
                let mut world = World::new();
                let grant = world.approve(&[0], 3_600);
                let mut run = world.worker(grant);
                let over = (0..step).any(|_| run.unit::<Production>(&mut world, Fault::None));
                raced += usize::from(!over);
                world.order(grant, EndReason::Revoked);
                let ender = world.worker(grant);
                if ender_first {
                    world.finish::<Production>(ender);
                    if !over {
                        world.finish::<Production>(run);
                    }
                } else {
                    if !over {
                        world.finish::<Production>(run);
                    }
                    world.finish::<Production>(ender);
                }
                world.quiet::<Production>(240);
                assert_eq!(world.status(grant), GrantStatus::Ended, "ordered at step {step}");
                assert_eq!(world.grant(grant).ended_because, Some(EndReason::Revoked));
                assert!(!world.directory.is_member(&key(0), world.now));
                world.quiet::<Production>(3_600);
                world.check_all_over();
                world.check_triggers_change_nothing::<Production>();
                world.check();
            }
        }
        assert!(raced > 20, "{raced} activations were interrupted");
    }

    /// The order is found with the conflict, and not only by the next trigger.
    #[test]
    fn a_worker_that_learns_of_the_order_by_a_conflict_carries_it_out() {
        let mut world = World::new();
        let grant = world.approve(&[0], 3_600);
        let mut run = world.worker(grant);
        assert!(!(0..2).any(|_| run.unit::<Production>(&mut world, Fault::None)));
        world.order(grant, EndReason::Killed);
        let (_, version) = world.table.grants.get_mut(&grant).unwrap();
        *version += 1;
        world.finish::<Production>(run);
        assert_eq!(world.grant(grant).ended_because, Some(EndReason::Killed));
        assert_eq!(world.directory.calls(), (0, 0, 0));
        world.check();
    }

    #[test]
    fn only_a_later_read_after_the_wait_proves_absence() {
        let at = |seconds| START.plus_seconds(seconds);
        let table = [
            // (first read, removal, last add, wait, now) and whether that is a proof
            ((None, 0, None, 60, 600), false),
            ((Some(1), 0, None, 60, 59), false),
            ((Some(1), 0, None, 60, 60), true),
            ((Some(60), 0, None, 60, 60), false),
            ((Some(1), 0, Some(10), 60, 60), false),
            ((Some(1), 0, Some(10), 60, 70), true),
            ((Some(1), 10, Some(0), 60, 69), false),
            ((Some(1), 10, Some(0), 60, 70), true),
            ((Some(0), 0, None, 0, 0), false),
        ];
        for ((first, removed, added, wait, now), proves) in table {
            let is_proof = Production::proves_absence(first.map(at), at(removed), added.map(at), wait, at(now));
            assert_eq!(is_proof, proves, "{first:?} {removed} {added:?} {wait} {now}");
        }
    }

    #[test]
    fn nothing_but_two_reads_the_second_late_enough_is_a_proof() {
        // Seconds after the removal at which somebody looks, and whether that is the end.
        let looks: [&[(i64, bool)]; 3] = [
            &[(1, false), (30, false), (59, false), (60, true)],
            &[(59, false), (61, true)],
            &[(600, true)],
        ];
        for looks in looks {
            let mut world = World::new();
            let grant = world.approve(&[0], 300);
            world.trigger::<Production>(grant);
            world.pass(300);
            world.trigger::<Production>(grant);
            let removed = world.now;
            for (after, ends) in looks {
                world.pass(removed.plus_seconds(*after).seconds_since(world.now));
                let outcome = MemberRun::new(&mut world, key(0)).finish::<Production>(&mut world);
                let proved = outcome.view == View::Absent;
                assert_eq!(proved, *ends, "{after} s after the removal");
            }
            world.trigger::<Production>(grant);
            assert_eq!(world.status(grant), GrantStatus::Ended);
            world.check();
        }
    }

    #[test]
    fn a_read_that_still_shows_the_member_starts_the_proof_again() {
        let mut world = World::new();
        let grant = world.approve(&[0], 300);
        world.trigger::<Production>(grant);
        world.pass(300);
        world.directory.lag = 40;
        world.trigger::<Production>(grant);
        assert_eq!(world.grant(grant).targets[0].status, TargetStatus::Removing);
        assert!(world.grant(grant).targets[0].last_error.is_some());
        world.pass(45);
        world.trigger::<Production>(grant);
        let removed_again = world.now;
        assert_eq!(world.directory.removes, 2);
        world.pass(CONFIRM_AFTER - 1);
        let early = MemberRun::new(&mut world, key(0)).finish::<Production>(&mut world);
        assert_eq!(early.view, View::Unconfirmed);
        world.pass(1);
        world.trigger::<Production>(grant);
        assert_eq!(world.status(grant), GrantStatus::Ended);
        assert_eq!(world.now, removed_again.plus_seconds(CONFIRM_AFTER));
        world.check();
    }

    #[test]
    fn a_member_that_somebody_puts_back_during_the_proof_is_removed_again() {
        let mut world = World::new();
        let grant = world.approve(&[0], 300);
        world.trigger::<Production>(grant);
        world.pass(300);
        world.trigger::<Production>(grant);
        world.pass(30);
        world.directory.set(&key(0), true, world.now);
        world.quiet::<Production>(300);
        assert_eq!(world.directory.removes, 2);
        world.check_all_over();
        world.check();
    }

    #[test]
    fn triggers_that_come_twice_or_early_or_late_change_nothing() {
        let mut world = World::new();
        world.directory.with_standing(key(1));
        let grant = world.approve(&[0, 1], 300);
        world.trigger::<Production>(grant);
        let before = (world.table.clone(), world.directory.calls(), world.schedules.clone());
        for _ in 0..3 {
            world.pass(60);
            world.trigger::<Production>(grant);
        }
        let after = (world.table.clone(), world.directory.calls(), world.schedules.clone());
        assert_eq!(before, after, "early");
        world.quiet::<Production>(400);
        world.check_all_over();
        world.pass(86_400);
        world.check_triggers_change_nothing::<Production>();
        world.check();
    }

    /// Every store of a grant comes back as a record of the table's stream: a target that fails is not asked as fast as
    /// records travel, but an order and the end of the time do not wait.
    #[test]
    fn a_trigger_before_the_promised_time_waits_unless_the_grant_has_to_end() {
        // Seconds after the promise was made, whether an order is there, and whether the grant ends then.
        for (after, ordered, ends) in [(1, false, false), (1, true, true), (40, false, true)] {
            let mut world = World::new();
            let grant = world.approve(&[0], 100);
            world.directory.answers.insert(key(0), Fault::RetryAfter(60));
            world.trigger::<Production>(grant);
            world.pass(60);
            world.trigger::<Production>(grant);
            assert_eq!(world.status(grant), GrantStatus::Activating);
            world.pass(after);
            if ordered {
                world.order(grant, EndReason::Revoked);
            }
            let before = (world.table.clone(), world.directory.calls());
            world.trigger::<Production>(grant);
            let after = (world.table.clone(), world.directory.calls());
            assert_eq!(world.status(grant) == GrantStatus::Ending, ends, "ordered: {ordered}");
            assert_eq!(before == after, !ends, "ordered: {ordered}");
            world.trigger::<Production>(grant);
            assert_eq!(
                (world.table.clone(), world.directory.calls()),
                after,
                "nor is its end hurried"
            );
            world.directory.answers.clear();
            world.quiet::<Production>(400);
            world.check_all_over();
            world.check();
        }
    }

    #[test]
    fn evidence_that_could_not_be_checked_is_not_asked_for_again_at_once() {
        let mut world = World::new();
        let grant = world.approve(&[0], 600);
        let mut run = world.worker(grant);
        assert!(!run.unit::<Production>(&mut world, Fault::NotDone));
        world.finish::<Production>(run);
        let before = world.table.clone();
        world.trigger::<Production>(grant);
        assert_eq!(world.table, before);
        assert!(world.schedules.is_empty());
        world.pass_until_promised(grant);
        world.trigger::<Production>(grant);
        assert_eq!(world.status(grant), GrantStatus::Active);
        world.check();
    }

    /// The answer to the last commit is lost, or the worker dies right after it: the schedule still goes.
    #[test]
    fn the_schedule_of_a_grant_that_ended_early_goes_even_if_its_worker_does_not_see_to_it() {
        let mut ended = 0;
        for dies in [false, true] {
            for step in 0..12 {
                let mut world = World::new();
                let grant = world.approve(&[0], 86_400);
                world.trigger::<Production>(grant);
                world.order(grant, EndReason::CheckedIn);
                world.trigger::<Production>(grant);
                world.pass(CONFIRM_AFTER);
                let mut run = world.worker(grant);
                if (0..step).any(|_| run.unit::<Production>(&mut world, Fault::None))
                    || run.unit::<Production>(&mut world, Fault::AnswerLost)
                {
                    continue;
                }
                if dies {
                    // The change of the grant is itself a record in the table's stream, and starts a worker.
                    run = world.worker(grant);
                }
                world.finish::<Production>(run);
                if world.status(grant) == GrantStatus::Ended {
                    ended += 1;
                    assert!(world.schedules.is_empty(), "step {step}, dies: {dies}");
                }
                world.check();
            }
        }
        assert!(ended > 5, "{ended} ended in that run");
    }

    /// One worker dies with the lease: until it is over nobody touches the target, then another one goes on.
    #[test]
    fn the_lease_of_a_dead_worker_runs_out_and_another_worker_takes_over() {
        let mut world = World::new();
        let grant = world.approve(&[0], 600);
        // Verify, schedule, commit, converge, lease.
        assert!(world.trigger_and_die::<Production>(grant, 5));
        for _ in 0..4 {
            world.pass(10);
            world.trigger::<Production>(grant);
            assert_eq!(world.directory.calls(), (0, 0, 0));
            assert_eq!(world.status(grant), GrantStatus::Activating);
        }
        world.pass(5);
        world.trigger::<Production>(grant);
        assert_eq!(world.status(grant), GrantStatus::Active);
        world.check();
    }

    /// Whatever the record says while another worker is at it, an ending grant waits for that worker.
    #[test]
    fn a_busy_lease_never_settles_an_ending_grant() {
        let removing = |deleted_at, seen_absent_at| Presence::Removing {
            since: START,
            deleted_at,
            seen_absent_at,
            seen_gone_at: None,
        };
        let presences = [
            Presence::Absent,
            Presence::Standing { episode: 1 },
            Presence::Standing { episode: 0 },
            Presence::Adding,
            Presence::Present {
                confirmed_at: START,
                missing_since: None,
            },
            removing(None, None),
            removing(Some(START), None),
            removing(Some(START), Some(START)),
            Presence::Gone,
        ];
        for presence in presences {
            let mut world = World::new();
            let grant = world.approve(&[0], 600);
            world.trigger_and_die::<Production>(grant, 4);
            let other = world.worker_id();
            let until = world.now.plus_seconds(45);
            let mut membership = world.table.snapshot(&key(0)).membership;
            membership.presence = presence.clone();
            membership.lease = Some(Lease { worker: other, until });
            world.table.memberships.insert(key(0), (membership, 1));
            world.order(grant, EndReason::Revoked);
            for _ in 0..4 {
                let busy = MemberRun::new(&mut world, key(0)).finish::<Production>(&mut world);
                assert!(busy.look_again_at.is_some_and(|at| at <= world.now.plus_seconds(2)));
                world.trigger::<Production>(grant);
                assert_eq!(world.status(grant), GrantStatus::Ending, "{presence:?}");
                world.pass(10);
            }
            assert_eq!(world.directory.calls(), (0, 0, 0));
            world.check();
        }
    }

    /// Not the lease but the other grant's hold settles it: that grant's own end will remove the member.
    #[test]
    fn a_busy_lease_does_not_keep_a_grant_from_handing_over() {
        let mut world = World::new();
        let first = world.approve(&[0], 600);
        world.trigger::<Production>(first);
        let second = world.approve(&[0], 900);
        let other = world.worker_id();
        let until = world.now.plus_seconds(45);
        let (membership, _) = world.table.memberships.get_mut(&key(0)).unwrap();
        membership.lease = Some(Lease { worker: other, until });
        world.order(first, EndReason::Revoked);
        world.trigger::<Production>(first);
        assert_eq!(world.status(first), GrantStatus::Ended);
        assert_eq!(world.grant(first).targets[0].status, TargetStatus::KeptByOtherGrant);
        world.quiet::<Production>(1_200);
        assert_eq!(world.grant(second).targets[0].status, TargetStatus::Absent);
        world.check_all_over();
        world.check();
    }

    #[test]
    fn a_lease_gives_way_on_its_last_second() {
        let mut world = World::new();
        let grant = world.approve(&[0], 600);
        world.trigger_and_die::<Production>(grant, 5);
        world.pass(44);
        let busy = MemberRun::new(&mut world, key(0)).finish::<Production>(&mut world);
        assert_eq!(
            (busy.view, busy.look_again_at),
            (View::Adding, Some(START.plus_seconds(45)))
        );
        world.pass(1);
        let taken = MemberRun::new(&mut world, key(0)).finish::<Production>(&mut world);
        assert_eq!(taken.view, View::Present);
        world.check();
    }

    #[test]
    fn a_deleted_group_ends_the_grant_as_gone_after_a_second_look() {
        let mut world = World::new();
        let grant = world.approve(&[0], 300);
        world.trigger::<Production>(grant);
        world.directory.set_gone(&target(0), true, world.now);
        world.pass(300);
        world.trigger::<Production>(grant);
        assert_eq!(world.status(grant), GrantStatus::Ending);
        world.pass(CONFIRM_AFTER - 1);
        let early = MemberRun::new(&mut world, key(0)).finish::<Production>(&mut world);
        assert_eq!(early.view, View::Unconfirmed);
        world.pass(1);
        world.trigger::<Production>(grant);
        assert_eq!(world.status(grant), GrantStatus::Ended);
        assert_eq!(world.grant(grant).targets[0].status, TargetStatus::TargetGone);
        world.check_all_over();
        world.check();
    }

    #[test]
    fn one_group_that_refuses_does_not_take_the_other_with_it() {
        let mut world = World::new();
        let grant = world.approve(&[0, 1], 600);
        world.directory.answers.insert(key(0), Fault::Refused);
        world.trigger::<Production>(grant);
        let statuses: Vec<_> = world.grant(grant).targets.iter().map(|target| target.status).collect();
        assert_eq!(statuses, [TargetStatus::Failed, TargetStatus::Present]);
        assert_eq!(world.status(grant), GrantStatus::Active);
        world.quiet::<Production>(120);
        assert_eq!(
            world.grant(grant).targets[0].status,
            TargetStatus::Failed,
            "retried, and refused again"
        );
        world.directory.answers.clear();
        world.quiet::<Production>(120);
        world.check_live_grants_give_access(0);
        world.quiet::<Production>(900);
        world.check_all_over();
        world.check();
    }

    #[test]
    fn a_grant_whose_only_group_refuses_fails_and_leaves_nothing() {
        let mut world = World::new();
        let grant = world.approve(&[0], 600);
        let mut run = world.worker(grant);
        assert!(!(0..7).any(|_| run.unit::<Production>(&mut world, Fault::None)));
        assert!(!run.unit::<Production>(&mut world, Fault::Refused), "the add");
        world.finish::<Production>(run);
        assert_eq!(world.grant(grant).ended_because, Some(EndReason::Failed));
        assert_eq!(
            world.status(grant),
            GrantStatus::Ending,
            "a refused add is proved absent as well"
        );
        world.quiet::<Production>(180);
        assert_eq!(world.grant(grant).targets[0].status, TargetStatus::Absent);
        world.check_all_over();
        world.check();
    }
}

/// Bounds: nothing runs for ever, nothing waits for ever.
#[cfg(test)]
mod bounds {
    use hourglass_domain::grant::{GrantStatus, TargetStatus};
    use hourglass_domain::protocol::grant as grants;
    use hourglass_domain::protocol::membership::{self, Answer, Effect, Input, Inspection};
    use hourglass_domain::protocol::{LONGEST_RETRY_SECONDS, Production};

    use crate::support::{Fault, MemberRun, World, key};

    /// Steps that a run may take when everything it stores meets a conflict.
    const BOUND: usize = 64;

    /// The records change under the worker every time: it gives up and comes back later.
    #[test]
    fn a_membership_worker_that_meets_nothing_but_conflicts_gives_up() {
        // With the lease always its own, always somebody else's, and never anybody's.
        for lease_kept in [false, true] {
            let mut world = World::new();
            let grant = world.approve(&[0], 600);
            world.trigger_and_die::<Production>(grant, 4);
            let run = MemberRun::new(&mut world, key(0));
            let mut snapshot = run.worker.snapshot.clone();
            let mut worker = run.worker;
            let mut input = Input::Start;
            let mut steps = 0;
            let outcome = loop {
                steps += 1;
                assert!(steps < BOUND, "it does not end");
                let (next, effect) = membership::step::<Production>(worker, input, world.now);
                worker = next;
                input = match effect {
                    Effect::Store { membership, .. } => {
                        if lease_kept {
                            snapshot.membership.lease = membership.lease.or(snapshot.membership.lease);
                        }
                        snapshot.version += 1;
                        snapshot.holds_version += 1;
                        Input::Conflict(Box::new(snapshot.clone()))
                    }
                    Effect::Inspect => Input::Inspected(Inspection::Absent),
                    Effect::Add { .. } | Effect::Remove | Effect::Ask { .. } => {
                        panic!("nothing is sent that could not be stored")
                    }
                    Effect::Finish(outcome) => break outcome,
                };
            };
            assert!(outcome.look_again_at.is_some(), "somebody comes back");
        }
    }

    #[test]
    fn a_grant_worker_that_meets_nothing_but_conflicts_gives_up() {
        let mut world = World::new();
        let grant = world.approve(&[0], 600);
        let (stored, mut version) = world.table.grants[&grant].clone();
        let mut worker = grants::Worker::new(stored.clone(), version, None);
        let mut input = grants::Input::Start;
        for _ in 0..BOUND {
            let (next, effect) = grants::step::<Production>(worker, input, world.now);
            worker = next;
            input = match effect {
                grants::Effect::Verify => grants::Input::Verified,
                grants::Effect::CreateSchedule { .. } => grants::Input::Scheduled,
                grants::Effect::Commit(_) => {
                    version += 1;
                    grants::Input::Conflict {
                        grant: Box::new(stored.clone()),
                        version,
                        order: None,
                    }
                }
                grants::Effect::Finish => return world.check(),
                other => panic!("{other:?} without anything stored"),
            };
        }
        panic!("it does not end");
    }

    /// A target that answers every add with "done" while its holds change under the worker without end.
    #[test]
    fn a_membership_that_changes_without_end_is_left_for_later() {
        let mut world = World::new();
        let grant = world.approve(&[0], 600);
        world.trigger_and_die::<Production>(grant, 4);
        let mut run = MemberRun::new(&mut world, key(0));
        let mut adds = 0;
        let mut steps = 0;
        let outcome = loop {
            steps += 1;
            assert!(steps < BOUND, "it does not end");
            if world.directory.adds > adds {
                // Somebody touches the holds during each add.
                adds = world.directory.adds;
                let (_, version) = world.table.holds.get_mut(&key(0)).unwrap();
                *version += 1;
            }
            if let Some(outcome) = run.unit::<Production>(&mut world, Fault::None) {
                break outcome;
            }
        };
        assert!(adds > 2, "it tried for a while");
        assert_eq!(
            world.table.snapshot(&key(0)).membership.lease,
            None,
            "the lease is given back"
        );
        assert!(outcome.look_again_at.is_some());
        world.pass_until_promised(grant);
        world.trigger::<Production>(grant);
        assert_eq!(world.status(grant), GrantStatus::Active);
        world.check();
    }

    /// Invariant I9: whatever a target asks for, and however long it fails.
    #[test]
    fn retries_are_never_more_than_a_minute_apart_and_never_stop() {
        let faults = [
            Fault::RetryAfter(86_400),
            Fault::NotDone,
            Fault::Refused,
            Fault::RetryAfter(-5),
        ];
        for fault in faults {
            let mut world = World::new();
            let grant = world.approve(&[0], 300);
            world.trigger::<Production>(grant);
            world.pass(300);
            world.directory.answers.insert(key(0), fault);
            for _ in 0..200 {
                let calls = world.directory.removes;
                world.trigger::<Production>(grant);
                assert_eq!(world.directory.removes, calls, "nothing gets through");
                let soonest = world.grant(grant).due.iter().map(|entry| entry.at).min().unwrap();
                let wait = soonest.seconds_since(world.now);
                assert!((0..=LONGEST_RETRY_SECONDS).contains(&wait), "{wait} s");
                assert_eq!(
                    world.grant(grant).status,
                    GrantStatus::Ending,
                    "never done because it failed too often"
                );
                world.pass(wait.max(1));
            }
            assert!(world.grant(grant).failing_since.is_some());
            world.directory.answers.clear();
            world.quiet::<Production>(240);
            world.check_all_over();
            world.check();
        }
    }

    /// A removal that the directory confirms and never shows is not sent every second.
    #[test]
    fn a_removal_that_never_takes_is_retried_ever_more_slowly_and_known_to_fail_since_when() {
        let mut world = World::new();
        let grant = world.approve(&[0], 300);
        world.trigger::<Production>(grant);
        world.pass(300);
        world.directory.lag = 1;
        let since = world.now;
        let mut waits = Vec::new();
        for _ in 0..12 {
            world.trigger::<Production>(grant);
            // Something puts the member back at once, each time.
            let soonest = world.grant(grant).due.iter().map(|entry| entry.at).min().unwrap();
            waits.push(soonest.seconds_since(world.now));
            world.directory.set(&key(0), true, world.now);
            world.pass(soonest.seconds_since(world.now));
        }
        assert_eq!(waits.last(), Some(&LONGEST_RETRY_SECONDS), "{waits:?}");
        assert!(world.grant(grant).failing_since.is_some());
        let failing_since = world.table.snapshot(&key(0)).membership.failing_since;
        assert!(
            failing_since.is_some_and(|at| at < since.plus_seconds(70)),
            "{failing_since:?}"
        );
        assert_eq!(world.grant(grant).targets[0].status, TargetStatus::Removing);
    }

    /// A target may ask for patience; it is heard, within the bound.
    #[test]
    fn a_target_that_asks_for_patience_gets_it() {
        for (asks, waits) in [(0, 1), (30, 30), (60, 60), (600, 60)] {
            let mut world = World::new();
            let grant = world.approve(&[0], 600);
            world.trigger_and_die::<Production>(grant, 4);
            let mut run = MemberRun::new(&mut world, key(0));
            assert!(!(0..3).any(|_| run.unit::<Production>(&mut world, Fault::None).is_some()));
            assert!(run.unit::<Production>(&mut world, Fault::RetryAfter(asks)).is_none());
            let outcome = run.finish::<Production>(&mut world);
            assert_eq!(
                outcome.look_again_at,
                Some(world.now.plus_seconds(waits)),
                "asked for {asks} s"
            );
            world.check();
        }
    }

    #[test]
    fn a_write_that_has_no_budget_waits_and_fails_nothing() {
        for (seconds, waits) in [(2, 2), (60, 60), (86_400, LONGEST_RETRY_SECONDS)] {
            for ending in [false, true] {
                let mut world = World::new();
                let grant = world.approve(&[0], 600);
                if ending {
                    world.trigger::<Production>(grant);
                    world.pass(600);
                }
                let calls = (world.directory.adds, world.directory.removes);
                world.directory.answers.insert(key(0), Fault::NoBudget(seconds));
                for _ in 0..5 {
                    world.trigger::<Production>(grant);
                    assert_eq!(
                        (world.directory.adds, world.directory.removes),
                        calls,
                        "nothing is sent"
                    );
                    let stored = world.grant(grant).clone();
                    assert_eq!(
                        (stored.attempts, stored.failing_since),
                        (0, None),
                        "no failure of the grant"
                    );
                    assert_eq!(stored.targets[0].last_error, None);
                    let membership = world.table.snapshot(&key(0)).membership;
                    assert_eq!(
                        (membership.failures, membership.failing_since),
                        (0, None),
                        "nor of the membership"
                    );
                    assert_eq!(membership.lease, None, "others may go on");
                    let again = stored.due.iter().map(|entry| entry.at).min().unwrap();
                    assert_eq!(again.seconds_since(world.now), waits, "{seconds} s");
                    world.pass(waits);
                }
                world.directory.answers.clear();
                world.quiet::<Production>(if ending { 240 } else { 100 });
                let status = world.grant(grant).status;
                assert_eq!(
                    status,
                    if ending {
                        GrantStatus::Ended
                    } else {
                        GrantStatus::Active
                    }
                );
                world.check();
            }
        }
    }

    #[test]
    fn an_answer_to_nothing_changes_nothing() {
        let mut world = World::new();
        let grant = world.approve(&[0], 600);
        world.trigger_and_die::<Production>(grant, 4);
        let inputs = [
            Input::Stored { version: 7 },
            Input::Inspected(Inspection::Absent),
            Input::Answered(Answer::Done),
            Input::NotSent {
                look_again_at: world.now,
            },
        ];
        for input in inputs {
            let worker = MemberRun::new(&mut world, key(0)).worker;
            let (_, effect) = membership::step::<Production>(worker, input, world.now);
            assert!(matches!(effect, Effect::Finish(outcome) if outcome.look_again_at.is_some()));
        }
        let (stored, version) = world.table.grants[&grant].clone();
        for input in [
            grants::Input::Committed,
            grants::Input::Scheduled,
            grants::Input::Converged(Vec::new()),
        ] {
            let worker = grants::Worker::new(stored.clone(), version, None);
            let (_, effect) = grants::step::<Production>(worker, input, world.now);
            assert_eq!(effect, grants::Effect::Finish);
        }
        world.check();
    }

    /// A driver that answers for too few targets settles none of those it left out.
    #[test]
    fn a_target_that_was_not_converged_is_not_settled() {
        let mut world = World::new();
        let grant = world.approve(&[0, 1], 300);
        world.trigger::<Production>(grant);
        world.pass(300);
        let (stored, version) = world.table.grants[&grant].clone();
        let worker = grants::Worker::new(stored, version, None);
        let (worker, _) = grants::step::<Production>(worker, grants::Input::Start, world.now);
        let (worker, effect) = grants::step::<Production>(worker, grants::Input::Committed, world.now);
        assert_eq!(effect, grants::Effect::Converge);
        let gone = membership::Outcome::new(membership::View::Absent, false, None, None);
        let (_, effect) = grants::step::<Production>(worker, grants::Input::Converged(vec![gone]), world.now);
        let grants::Effect::Commit(change) = effect else {
            panic!("{effect:?}");
        };
        assert_eq!(change.grant.status, GrantStatus::Ending);
    }
}

/// Histories drawn at random.
#[cfg(test)]
mod histories {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use hourglass_domain::Timestamp;
    use hourglass_domain::membership::{HoldState, Holds};
    use hourglass_domain::protocol::{Production, Rules};
    use proptest::prelude::ProptestConfig;
    use proptest::test_runner::{RngSeed, TestCaseError, TestRunner};

    use crate::support::{ops, play};

    /// How many histories are tried, at least; `PROPTEST_CASES` asks for more.
    const CASES: u32 = 800;
    /// The seed, so that a change of the code and not of the dice makes the test fail; `PROPTEST_RNG_SEED` sets another.
    const SEED: u64 = 0x4057;

    fn runner(shrink: u32) -> TestRunner {
        let asked = ProptestConfig::default();
        let rng_seed = match asked.rng_seed {
            RngSeed::Random => RngSeed::Fixed(SEED),
            fixed @ RngSeed::Fixed(_) => fixed,
        };
        TestRunner::new(ProptestConfig {
            cases: asked.cases.max(CASES),
            rng_seed,
            failure_persistence: None,
            max_shrink_iters: shrink,
            ..asked
        })
    }

    #[test]
    fn no_history_breaks_an_invariant_and_every_grant_ends() {
        let reached = RefCell::new(BTreeSet::new());
        let result = runner(20_000).run(&ops(), |ops| {
            let world = play::<Production>(&ops);
            reached.borrow_mut().extend(world.reached.iter().copied());
            if world.violations.is_empty() {
                Ok(())
            } else {
                let what = format!("{:#?}\n{}", world.violations, world.log.join("\n"));
                Err(TestCaseError::fail(what))
            }
        });
        if let Err(failure) = result {
            panic!("{failure}");
        }
        let reached = reached.into_inner();
        let missing: Vec<_> = crate::support::EVERYTHING
            .iter()
            .filter(|what| !reached.contains(*what))
            .collect();
        assert!(missing.is_empty(), "the histories never reach {missing:?}");
    }

    /// Histories with a mistake in the rules find it.
    #[track_caller]
    fn is_found<R: Rules>() {
        let found = runner(0).run(&ops(), |ops| {
            if play::<R>(&ops).violations.is_empty() {
                Ok(())
            } else {
                Err(TestCaseError::fail("found"))
            }
        });
        assert!(found.is_err(), "the mistake goes unnoticed");
    }

    macro_rules! mistake {
        ($test:ident, $name:ident, $($rule:item)+) => {
            #[derive(Debug)]
            struct $name;
            impl Rules for $name {
                $($rule)+
            }
            #[test]
            fn $test() {
                is_found::<$name>();
            }
        };
    }

    mistake!(
        it_is_found_that_targets_are_touched_without_a_lease,
        NoLease,
        const NEEDS_LEASE: bool = false;
    );
    mistake!(
        it_is_found_that_the_timer_is_not_made_first,
        NoTimer,
        const TIMER_BEFORE_ADD: bool = false;
    );
    mistake!(
        it_is_found_that_the_answer_to_an_add_decides_the_baseline,
        AddDecides,
        const ADD_DECIDES_BASELINE: bool = true;
    );
    mistake!(
        it_is_found_that_released_holds_keep,
        ReleasedKeeps,
        fn kept_until(holds: &Holds, _now: Timestamp) -> Option<Timestamp> {
            holds.holds.iter().map(|hold| hold.expires_at).max()
        }
    );
    mistake!(
        it_is_found_that_only_the_first_hold_keeps,
        FirstKeeps,
        fn kept_until(holds: &Holds, now: Timestamp) -> Option<Timestamp> {
            let first = holds.holds.first().filter(|hold| hold.state != HoldState::Released)?;
            (first.expires_at > now).then_some(first.expires_at)
        }
    );
    mistake!(
        it_is_found_that_waiting_holds_add,
        WaitingAdds,
        fn addable_until(holds: &Holds, now: Timestamp) -> Option<Timestamp> {
            holds.kept_until(now)
        }
    );
    mistake!(
        it_is_found_that_one_look_proves_a_loss,
        OneLook,
        fn proves_loss(
            _first_look: Option<Timestamp>,
            _last_add_at: Option<Timestamp>,
            _confirm_after: i64,
            _now: Timestamp,
        ) -> bool {
            true
        }
    );
    mistake!(
        it_is_found_that_the_opposite_does_not_wait,
        OppositeAtOnce,
        const WAITS_FOR_OPERATIONS: bool = false;
    );
    mistake!(
        it_is_found_that_one_read_proves_absence,
        OneRead,
        fn proves_absence(
            _first_read: Option<Timestamp>,
            deleted_at: Timestamp,
            _last_add_at: Option<Timestamp>,
            _confirm_after: i64,
            now: Timestamp,
        ) -> bool {
            now >= deleted_at
        }
    );
}

/// What is under way at the target.
#[cfg(test)]
mod operations {
    use hourglass_domain::grant::{EndReason, GrantStatus, TargetStatus};
    use hourglass_domain::protocol::Production;

    use crate::support::{Fault, World, key};

    /// A removal that is ordered while the add is under way waits for it, then removes and proves.
    #[test]
    fn the_opposite_waits_until_what_is_under_way_is_over() {
        let mut world = World::new();
        let grant = world.approve(&[0], 600);
        world.directory.answers.insert(key(0), Fault::Started(50));
        world.trigger::<Production>(grant);
        assert_eq!(world.status(grant), GrantStatus::Activating);
        assert_eq!(world.grant(grant).targets[0].status, TargetStatus::Adding);
        world.order(grant, EndReason::Revoked);
        world.trigger::<Production>(grant);
        world.directory.answers.clear();
        assert_eq!(world.directory.removes, 0, "not while the add is under way");
        assert_eq!(world.grant(grant).targets[0].status, TargetStatus::Removing);
        world.pass(50);
        assert!(world.directory.is_member(&key(0), world.now), "the add has landed");
        world.directory.answers.insert(key(0), Fault::Started(50));
        world.quiet::<Production>(10);
        world.directory.answers.clear();
        assert_eq!(world.directory.removes, 1);
        let second = world.approve(&[0], 600);
        world.trigger::<Production>(second);
        assert_eq!(world.directory.adds, 1, "not while the removal is under way");
        world.quiet::<Production>(180);
        assert_eq!(world.status(second), GrantStatus::Active);
        assert_eq!(world.directory.adds, 2);
        world.quiet::<Production>(900);
        world.check_all_over();
        world.check();
        assert!(world.reached.contains("operation over"));
    }
}

/// What happens to members and targets without us.
#[cfg(test)]
mod outside {
    use hourglass_domain::grant::{EndReason, GrantStatus, TargetStatus};
    use hourglass_domain::membership::{Presence, RECHECK_MINUTES};
    use hourglass_domain::protocol::membership::{self, Effect, Input, LOOK_MINUTES, View};
    use hourglass_domain::protocol::{LEASE_SECONDS, Production, Rules};

    use crate::support::{CONFIRM_AFTER, Fault, MemberRun, World, key, target};

    const LOOK_SECONDS: i64 = LOOK_MINUTES * 60;

    /// A grant with its member, and a day of time.
    fn active(world: &mut World, groups: &[u128]) -> hourglass_domain::ids::GrantId {
        let grant = world.approve(groups, 86_400);
        world.trigger::<Production>(grant);
        assert_eq!(world.status(grant), GrantStatus::Active);
        grant
    }

    #[test]
    fn a_member_that_was_removed_outside_is_not_put_back_and_ends_every_grant_that_held_it() {
        let mut world = World::new();
        let (first, second) = (active(&mut world, &[0]), active(&mut world, &[0, 1]));
        world.directory.remove_outside(&key(0), world.now);
        world.pass(LOOK_SECONDS);
        world.sweep::<Production>();
        assert_eq!(world.status(first), GrantStatus::Active, "once is no proof");
        world.pass(CONFIRM_AFTER - 1);
        MemberRun::new(&mut world, key(0)).finish::<Production>(&mut world);
        assert_eq!(
            world.status(first),
            GrantStatus::Active,
            "nor is a look that comes too soon"
        );
        world.quiet::<Production>(LOOK_SECONDS + 3 * CONFIRM_AFTER);
        for grant in [first, second] {
            assert_eq!(world.status(grant), GrantStatus::Ended);
            assert_eq!(world.grant(grant).ended_because, Some(EndReason::RemovedOutside));
            assert_eq!(world.grant(grant).targets[0].status, TargetStatus::Absent);
        }
        assert!(
            !world.directory.is_member(&key(1), world.now),
            "its other group goes as well"
        );
        assert_eq!(world.directory.adds, 2, "nobody put it back");
        world.quiet_for_long::<Production>(6_000);
        world.check_all_over();
        world.check();
    }

    #[test]
    fn a_single_look_that_lies_ends_nothing() {
        let mut world = World::new();
        let grant = active(&mut world, &[0]);
        for _ in 0..3 {
            world.directory.lies = true;
            world.quiet_for_long::<Production>(LOOK_SECONDS + 120);
            assert!(!world.directory.lies, "it was looked at, and lied about");
            assert_eq!(world.status(grant), GrantStatus::Active);
        }
        assert_eq!((world.directory.adds, world.directory.removes), (1, 0));
        world.check();
    }

    #[test]
    fn a_grant_that_is_approved_after_a_removal_outside_adds_again() {
        let mut world = World::new();
        let old = active(&mut world, &[0]);
        world.directory.remove_outside(&key(0), world.now);
        world.pass(LOOK_SECONDS);
        world.sweep::<Production>();
        world.pass(10);
        let new = world.approve(&[0], 3_600);
        world.trigger::<Production>(new);
        world.quiet_for_long::<Production>(2 * LOOK_SECONDS);
        assert_eq!(world.status(new), GrantStatus::Active);
        assert!(world.directory.is_member(&key(0), world.now));
        world.quiet_for_long::<Production>(90_000);
        assert_eq!(world.status(old), GrantStatus::Ended);
        assert_eq!(world.grant(new).ended_because, Some(EndReason::Expired));
        world.check_all_over();
        world.check();
    }

    /// Looks that get no answer say nothing and are repeated.
    #[test]
    fn a_look_without_an_answer_is_repeated_and_is_no_failure() {
        let mut world = World::new();
        let grant = active(&mut world, &[0]);
        world.pass(LOOK_SECONDS);
        let mut run = MemberRun::new(&mut world, key(0));
        assert!(run.unit::<Production>(&mut world, Fault::None).is_none(), "the lease");
        assert!(run.unit::<Production>(&mut world, Fault::NotDone).is_none(), "the look");
        let outcome = run.finish::<Production>(&mut world);
        assert_eq!(
            (outcome.view, outcome.error, outcome.failures),
            (View::Present, None, 0)
        );
        assert!(
            outcome
                .look_again_at
                .is_some_and(|at| at.seconds_since(world.now) <= 60)
        );
        assert_eq!(world.status(grant), GrantStatus::Active);
        world.check();
    }

    #[test]
    fn a_member_that_comes_back_after_the_end_is_found_and_removed_again() {
        for minutes in [4, 44, 89] {
            let mut world = World::new();
            let grant = world.approve(&[0], 300);
            world.trigger::<Production>(grant);
            world.quiet::<Production>(300 + 2 * CONFIRM_AFTER);
            assert_eq!(world.status(grant), GrantStatus::Ended);
            world.quiet_for_long::<Production>(minutes * 60 - 120);
            assert_eq!(world.directory.removes, 1);
            world.directory.put_back(&key(0), world.now);
            world.quiet_for_long::<Production>(42 * 60);
            assert!(
                !world.directory.is_member(&key(0), world.now),
                "after {minutes} minutes"
            );
            assert_eq!(world.directory.removes, 2);
            assert!(world.reached.contains("reappeared"));
            let membership = world.table.snapshot(&key(0)).membership;
            assert_eq!(membership.presence, Presence::Absent);
            world.quiet_for_long::<Production>(100 * 60);
            let over = world.table.snapshot(&key(0)).membership;
            assert_eq!(
                (over.watch, over.presence),
                (None, Presence::Absent),
                "and then nobody looks any more"
            );
            world.check_all_over();
            world.check();
        }
    }

    /// A removal behind which no grant stands is as persistent as any other.
    #[test]
    fn a_member_that_came_back_and_cannot_be_removed_is_tried_again_every_minute() {
        let mut world = World::new();
        let grant = world.approve(&[0], 300);
        world.trigger::<Production>(grant);
        world.quiet::<Production>(300 + 2 * CONFIRM_AFTER);
        world.directory.put_back(&key(0), world.now);
        world.directory.answers.insert(key(0), Fault::Refused);
        world.quiet_for_long::<Production>(30 * 60);
        let failing = world.table.snapshot(&key(0)).membership;
        assert!(failing.failures > 20 && failing.failing_since.is_some(), "{failing:?}");
        world.directory.answers.clear();
        world.quiet_for_long::<Production>(5 * 60);
        assert!(!world.directory.is_member(&key(0), world.now));
        assert_eq!(world.table.snapshot(&key(0)).membership.presence, Presence::Absent);
        world.check();
    }

    /// A member that came back when its look is due and a newer grant holds it.
    fn came_back_for_a_newer_grant<R: Rules>() -> (World, hourglass_domain::ids::GrantId) {
        let mut world = World::new();
        let first = world.approve(&[0], 300);
        world.trigger::<R>(first);
        world.quiet::<R>(300 + 2 * CONFIRM_AFTER);
        assert_eq!(world.status(first), GrantStatus::Ended);
        world.directory.put_back(&key(0), world.now);
        world.pass(RECHECK_MINUTES[0] * 60);
        let second = world.approve(&[0], 3_600);
        MemberRun::new(&mut world, key(0)).finish::<R>(&mut world);
        world.trigger::<R>(second);
        (world, second)
    }

    #[test]
    fn a_member_that_came_back_is_left_to_a_newer_grant_and_goes_with_it() {
        let (mut world, second) = came_back_for_a_newer_grant::<Production>();
        assert_eq!(world.status(second), GrantStatus::Active);
        world.quiet_for_long::<Production>(3_500);
        assert!(world.directory.is_member(&key(0), world.now), "kept while it is held");
        assert_eq!(world.directory.removes, 1);
        world.quiet_for_long::<Production>(600);
        assert_eq!(
            world.grant(second).targets[0].status,
            TargetStatus::Absent,
            "in doubt it was ours"
        );
        world.check_all_over();
        world.check();
    }

    #[test]
    fn it_is_found_that_a_recheck_ignores_holds() {
        #[derive(Debug)]
        struct IgnoresHolds;
        impl Rules for IgnoresHolds {
            const RECHECK_HEEDS_HOLDS: bool = false;
        }
        let (world, _) = came_back_for_a_newer_grant::<IgnoresHolds>();
        assert!(
            world.violations.iter().any(|what| what.starts_with("I3")),
            "{:?}",
            world.violations
        );
    }

    #[test]
    fn a_standing_member_is_never_looked_for_again() {
        let mut world = World::new();
        world.directory.with_standing(key(0));
        let grant = world.approve(&[0], 300);
        world.trigger::<Production>(grant);
        world.quiet_for_long::<Production>(90_000);
        assert_eq!(world.grant(grant).targets[0].status, TargetStatus::KeptStanding);
        assert_eq!(world.directory.calls(), (0, 0, 1), "looked at once, for the baseline");
        world.check();
    }

    #[test]
    fn a_group_that_goes_while_it_is_held_ends_the_grant_and_its_members_go_when_it_comes_back() {
        let mut world = World::new();
        let grant = active(&mut world, &[0, 1]);
        world.directory.set_gone(&target(0), true, world.now);
        world.quiet_for_long::<Production>(LOOK_SECONDS + 4 * CONFIRM_AFTER);
        assert_eq!(world.status(grant), GrantStatus::Ended);
        assert_eq!(world.grant(grant).ended_because, Some(EndReason::TargetGone));
        let states: Vec<_> = world.grant(grant).targets.iter().map(|target| target.status).collect();
        assert_eq!(states, [TargetStatus::TargetGone, TargetStatus::Absent]);
        world.quiet_for_long::<Production>(6_000);
        let calls = world.directory.calls();
        for _ in 0..20 {
            world.pass(86_400);
            world.sweep::<Production>();
        }
        assert_eq!(world.directory.calls().2, calls.2 + 20, "one look a day");
        world.directory.set_gone(&target(0), false, world.now);
        assert!(
            world.directory.is_member(&key(0), world.now),
            "it comes back with its members"
        );
        world.pass(86_400);
        world.quiet_for_long::<Production>(300);
        assert!(!world.directory.is_member(&key(0), world.now));
        let membership = world.table.snapshot(&key(0)).membership;
        assert_eq!(membership.presence, Presence::Absent, "and its absence is proved");
        world.check();
    }

    #[test]
    fn a_target_that_stays_away_is_given_up_after_a_month() {
        let mut world = World::new();
        let grant = active(&mut world, &[0]);
        world.directory.set_gone(&target(0), true, world.now);
        world.quiet_for_long::<Production>(LOOK_SECONDS + 4 * CONFIRM_AFTER);
        assert_eq!(world.status(grant), GrantStatus::Ended);
        let mut days = 0;
        while world.table.snapshot(&key(0)).membership.watch.is_some() {
            world.pass(86_400);
            world.sweep::<Production>();
            days += 1;
        }
        assert_eq!(days, 31);
        assert_eq!(world.table.snapshot(&key(0)).membership.presence, Presence::Gone);
        world.check();
    }

    #[test]
    fn a_grant_that_ended_before_anybody_looked_says_so() {
        let mut world = World::new();
        // The standing member of whom nobody knows, and one whose absence was proved for an earlier grant.
        world.directory.with_standing(key(0));
        let earlier = world.approve(&[1], 300);
        world.trigger::<Production>(earlier);
        world.quiet::<Production>(300 + 2 * CONFIRM_AFTER);
        assert_eq!(world.grant(earlier).targets[0].status, TargetStatus::Absent);
        let calls = world.directory.calls();
        let grant = world.approve_later(&[0, 1], 100, 300);
        world.order(grant, EndReason::Revoked);
        world.trigger::<Production>(grant);
        assert_eq!(world.status(grant), GrantStatus::Ended);
        for target in &world.grant(grant).targets {
            assert_eq!(target.status, TargetStatus::NotAdded);
        }
        assert_eq!(world.directory.calls(), calls, "nothing was asked or touched");
        world.check();
    }

    /// A call whose turn comes too late is not made: the lease might not outlive it, or the last hold has ended.
    #[test]
    fn a_call_whose_turn_comes_late_is_not_made() {
        let mut world = World::new();
        let grant = world.approve(&[0], 30);
        world.trigger_and_die::<Production>(grant, 4);
        let run = MemberRun::new(&mut world, key(0));
        let (mut worker, mut input) = (run.worker, Input::Start);
        let add = loop {
            let (next, effect) = membership::step::<Production>(worker, input, world.now);
            worker = next;
            input = match effect {
                Effect::Store { membership, .. } => Input::Stored {
                    version: world.table.put_membership(&worker.snapshot, membership).unwrap(),
                },
                Effect::Inspect => Input::Inspected(membership::Inspection::Absent),
                other => break other,
            };
        };
        assert!(matches!(add, Effect::Add { .. }), "{add:?}");
        assert!(worker.may_call::<Production>(&add, world.now));
        assert!(
            !worker.may_call::<Production>(&add, world.now.plus_seconds(30)),
            "its hold has ended"
        );
        assert!(!worker.may_call::<Production>(&Effect::Inspect, world.now.plus_seconds(LEASE_SECONDS - 19)));
        let (_, effect) = membership::step::<Production>(worker, Input::TooLate, world.now.plus_seconds(30));
        let Effect::Store { membership, .. } = effect else {
            panic!("{effect:?}");
        };
        assert_eq!(membership.lease, None, "the lease goes back");
        world.check();
    }

    /// How often and since when a removal fails is known for each target.
    #[test]
    fn a_removal_that_fails_is_known_by_target_and_never_done() {
        let mut world = World::new();
        let grant = world.approve(&[0, 1], 300);
        world.trigger::<Production>(grant);
        world.directory.answers.insert(key(1), Fault::Refused);
        world.quiet::<Production>(300 + 3_600);
        let ending = world.grant(grant);
        assert_eq!(ending.status, GrantStatus::Ending);
        let [good, bad] = &ending.targets[..] else {
            panic!("two targets");
        };
        assert_eq!(
            (good.status, good.failures, good.failing_since),
            (TargetStatus::Absent, 0, None)
        );
        assert_eq!(bad.status, TargetStatus::Removing);
        assert!(bad.failures > 50, "{bad:?}");
        let since = bad.failing_since.unwrap();
        assert!(world.now.seconds_since(since) >= 3_500, "{since}");
        world.directory.answers.clear();
        world.quiet::<Production>(300);
        let ended = &world.grant(grant).targets[1];
        assert_eq!(
            (ended.status, ended.failures, ended.failing_since),
            (TargetStatus::Absent, 0, None)
        );
        world.check_all_over();
        world.check();
    }
}

/// The hourly comparison with the scheduler.
#[cfg(test)]
mod comparison {
    use hourglass_domain::grant::ScheduleName;
    use hourglass_domain::protocol::Production;
    use hourglass_domain::protocol::timers::{Standing, expected, retimed, standing};

    use crate::support::World;

    #[test]
    fn a_schedule_is_expected_while_it_is_the_timer_of_a_settled_grant_and_far_from_firing() {
        for (exact, early) in [(false, 0), (true, 60)] {
            let mut world = World::new();
            world.exact = exact;
            let grant = world.approve(&[0], 3_600);
            assert_eq!(expected(world.grant(grant), world.now), None, "not made yet");
            world.trigger::<Production>(grant);
            let stored = world.grant(grant).clone();
            let at = stored.expires_at.plus_seconds(-early);
            assert_eq!(
                expected(&stored, world.now),
                stored.schedule.as_ref().map(|name| (name, at))
            );
            assert_eq!(world.schedules.values().copied().collect::<Vec<_>>(), [at]);
            assert!(expected(&stored, at.plus_seconds(-120)).is_some());
            assert_eq!(expected(&stored, at.plus_seconds(-119)), None, "it may be firing");
        }
    }

    /// Whatever is found, the grant gets another schedule before the old one goes, and ends on time.
    #[test]
    fn a_schedule_that_was_touched_is_made_again_under_a_new_name() {
        for missing in [true, false] {
            let mut world = World::new();
            let grant = world.approve(&[0], 3_600);
            world.trigger::<Production>(grant);
            let (stored, _) = world.table.grants[&grant].clone();
            let old = stored.schedule.clone().unwrap();
            if missing {
                world.schedules.remove(&old);
            }
            let wanting = retimed(&stored, world.now);
            assert_eq!(expected(&wanting, world.now), None, "somebody is at it");
            world.table.put_grant(wanting);
            world.trigger::<Production>(grant);
            let remade = world.grant(grant).clone();
            let name = ScheduleName { grant, n: old.n + 1 };
            assert_eq!(remade.schedule, Some(name.clone()));
            assert_eq!(expected(&remade, world.now), Some((&name, stored.expires_at)));
            assert_eq!(
                world.schedules.keys().collect::<Vec<_>>(),
                [&name],
                "missing: {missing}"
            );
            world.quiet::<Production>(3_600 + 420);
            world.check_all_over();
            world.check();
        }
    }

    #[test]
    fn what_is_found_is_a_timer_a_left_over_or_an_orphan() {
        let mut world = World::new();
        let grant = world.approve(&[0], 3_600);
        world.trigger::<Production>(grant);
        let mut stored = world.grant(grant).clone();
        // Just extended: the third is in force, the fourth is wanted.
        stored.next_schedule = 4;
        stored.timed = 3;
        stored.schedule = Some(ScheduleName { grant, n: 3 });
        let of = |n, grant_: Option<&_>, now| standing(&ScheduleName { grant, n }, grant_, now);
        let now = world.now;
        for (n, wanted) in [
            (2, Standing::LeftOver),
            (3, Standing::Timer),
            (4, Standing::Timer),
            (5, Standing::Orphan),
        ] {
            assert_eq!(of(n, Some(&stored), now), wanted, "{n}");
        }
        assert_eq!(of(3, None, now), Standing::Orphan);
        stored.status = hourglass_domain::grant::GrantStatus::Ended;
        stored.ended_at = Some(now);
        assert_eq!(of(3, Some(&stored), now.plus_seconds(299)), Standing::Timer);
        assert_eq!(of(3, Some(&stored), now.plus_seconds(300)), Standing::LeftOver);
    }
}
