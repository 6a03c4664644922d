//! Who may have the sandbox work next: no more runs at once than there are cores for them, in the order of who asked first.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A place in the order: which call, and which of its runs.
type Ticket = (u64, u64);

/// Turns of a fixed number of runs at once.
#[derive(Debug)]
pub struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    free: usize,
    waiting: BTreeSet<Ticket>,
    calls: u64,
    tickets: u64,
}

/// A call whose runs come before those of later calls.
#[derive(Clone, Copy, Debug)]
pub struct Call(u64);

impl Call {
    /// One that all others wait for.
    pub const FIRST: Self = Self(0);
}

/// A run's turn; it ends when this is dropped.
#[derive(Debug)]
pub struct Turn<'a>(&'a Turns);

impl Turns {
    pub fn new(at_once: usize) -> Self {
        let state = State { free: at_once.max(1), waiting: BTreeSet::new(), calls: 0, tickets: 0 };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// The next call.
    pub fn call(&self) -> Call {
        let mut state = self.lock();
        state.calls += 1;
        Call(state.calls)
    }

    /// Waits until a run of `call` has its turn. Runs end by their own limits, so that every wait does.
    pub fn wait(&self, call: Call) -> Turn<'_> {
        let mut state = self.lock();
        state.tickets += 1;
        let ticket = (call.0, state.tickets);
        state.waiting.insert(ticket);
        let mut state = self
            .changed
            .wait_while(state, |state| state.free == 0 || state.waiting.first() != Some(&ticket))
            .unwrap_or_else(PoisonError::into_inner);
        state.waiting.remove(&ticket);
        state.free -= 1;
        drop(state);
        // There may be room for the one behind it, too.
        self.changed.notify_all();
        Turn(self)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().free += 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    /// Returns once so many wait.
    fn until_waiting(turns: &Turns, count: usize) {
        while turns.lock().waiting.len() < count {
            std::thread::yield_now();
        }
    }

    #[test]
    fn the_earlier_call_has_its_turn_first_and_an_urgent_one_before_it() {
        let turns = Turns::new(1);
        let (early, late) = (turns.call(), turns.call());
        let (told, order) = channel();
        std::thread::scope(|scope| {
            let held = turns.wait(early);
            for (at, (name, call)) in
                [("late", late), ("early", early), ("urgent", Call::FIRST)].into_iter().enumerate()
            {
                let (told, turns) = (told.clone(), &turns);
                scope.spawn(move || {
                    let _turn = turns.wait(call);
                    told.send(name).expect("somebody listens");
                });
                until_waiting(turns, at + 1);
            }
            drop(held);
        });
        drop(told);
        assert_eq!(order.iter().collect::<Vec<_>>(), ["urgent", "early", "late"]);
    }

    #[test]
    fn as_many_run_at_once_as_may() {
        let turns = Turns::new(2);
        let (first, second) = (turns.wait(Call::FIRST), turns.wait(Call::FIRST));
        std::thread::scope(|scope| {
            let third = scope.spawn(|| drop(turns.wait(Call::FIRST)));
            until_waiting(&turns, 1);
            assert!(!third.is_finished());
            drop(first);
        });
        drop(second);
        assert_eq!(turns.lock().free, 2);
    }
}
