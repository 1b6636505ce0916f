//! What goes wrong, and how it ends.

use oidc_session_testkit::{Fault, RetryAfter};

use super::super::blockade::Blockade;
use super::super::chronicle::{Incident, Logout};
use super::super::crew::Life;
use super::super::line::{Millis, Order, now};
use super::super::options::times;
use super::{Known, Run};
use crate::Result;

/// What may go wrong next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trouble {
    Kill,
    Stop,
    Logout,
    Fault,
    /// The authorization server answers nobody for a while.
    Faults,
    /// The network of the store drops its connections.
    Cut,
    /// The network of the store lets nothing pass.
    Stall,
    /// Somebody else writes to the store, and takes for ever.
    Block,
}

/// It goes wrong in the middle of a refresh.
#[derive(Debug)]
pub(super) struct Hit {
    pub(super) trouble: Trouble,
    /// Who refreshes.
    pub(super) life: Life,
    /// Whose session.
    pub(super) subject: String,
}

/// The store cannot be reached, or not be written to.
#[derive(Debug)]
pub(super) struct Outage {
    /// Whose: of some workers, or of all.
    places: Vec<usize>,
    since: Millis,
    until: Millis,
    _blockade: Option<Blockade>,
}

impl Run {
    /// Chooses what goes wrong, and whether at once or in the middle of the next refresh.
    pub(super) async fn trouble(&mut self, time: Millis) -> Result {
        let is_on_disk = self.ground.networks().is_empty();
        let can_fail = |weight| if self.outage.is_none() { weight } else { 0 };
        let (network, disk) = if is_on_disk { (0, can_fail(3)) } else { (can_fail(3), 0) };
        // Whoever is stopped while it writes to a store on disk stops all others, too.
        let stop = if is_on_disk { 2 } else { 4 };
        let choices = [
            (6, Trouble::Kill),
            (stop, Trouble::Stop),
            (3, Trouble::Logout),
            (6, Trouble::Fault),
            (1, Trouble::Faults),
            (network, Trouble::Cut),
            (network, Trouble::Stall),
            (disk, Trouble::Block),
        ];
        let Some(trouble) = self.dice.weighed(&choices) else { return Ok(()) };
        match trouble {
            Trouble::Fault => self.faults(1),
            Trouble::Faults => self.faults(self.options.sessions.div_ceil(8)),
            _ if self.dice.below(2) == 0 => self.aimed = Some(trouble),
            _ => {
                let (place, session) =
                    (self.dice.below(self.options.processes), self.dice.below(self.options.sessions));
                self.strike(trouble, place, session, time).await?;
            }
        }
        Ok(())
    }

    /// Lets it go wrong for whoever refreshes. A logout comes from somebody else.
    pub(super) async fn strike_in_the_middle(&mut self, hit: Hit, time: Millis) -> Result {
        let Hit { trouble, life, subject } = hit;
        let is_meant = |known: &Known| known.sign_in.as_ref().is_some_and(|sign_in| sign_in.subject == subject);
        let place = self.crew.places().find(|place| self.crew.life(*place) == life);
        let (Some(place), Some(session)) = (place, self.sessions.iter().position(is_meant)) else { return Ok(()) };
        let is_logout = matches!(trouble, Trouble::Logout);
        let place = if is_logout { (place + 1) % self.options.processes } else { place };
        self.strike(trouble, place, session, time).await
    }

    /// Lets it go wrong, for the worker in this place or for this session if it is about one.
    async fn strike(&mut self, trouble: Trouble, place: usize, session: usize, time: Millis) -> Result {
        match trouble {
            Trouble::Kill => self.kill(place, time).await,
            Trouble::Stop => self.stop(place, time),
            Trouble::Logout => self.log_out(place, session, time).await,
            Trouble::Cut | Trouble::Stall | Trouble::Block if self.outage.is_none() => {
                self.outage(trouble, place, time);
                Ok(())
            }
            Trouble::Cut | Trouble::Stall | Trouble::Block | Trouble::Fault | Trouble::Faults => Ok(()),
        }
    }

    /// Ends what has lasted long enough.
    pub(super) fn relent(&mut self, time: Millis) -> Result {
        for place in self.crew.places() {
            if let Some((since, until)) = self.stopped[place]
                && until <= time
            {
                let life = self.crew.go_on(place)?;
                self.stopped[place] = None;
                self.was_stopped(life, since);
                self.tell(format!("life {life} goes on"), Vec::new());
            }
        }
        if let Some(outage) = self.outage.take_if(|outage| outage.until <= time) {
            self.is_well_again(outage);
        }
        Ok(())
    }

    fn is_well_again(&mut self, outage: Outage) {
        let Outage { places, since, _blockade: blockade, .. } = outage;
        let (everybody, networks) = (places.len() == self.options.processes, self.ground.networks());
        networks.iter().enumerate().filter(|(place, _)| places.contains(place)).for_each(|(_, network)| network.heal());
        if blockade.is_some() {
            drop(blockade);
            self.chronicle.nobody_wrote.push(since, now());
        } else if everybody {
            self.chronicle.everybody_cut_off.push(since, now());
        } else {
            for life in places.iter().map(|place| self.crew.life(*place)).collect::<Vec<_>>() {
                self.chronicle.fate(life).cut_off.push(since, now());
            }
        }
        self.tell("the store is well again".to_owned(), Vec::new());
    }

    async fn kill(&mut self, place: usize, time: Millis) -> Result {
        let life = self.crew.life(place);
        if let Some((since, _)) = self.stopped[place].take() {
            self.was_stopped(life, since);
        }
        if let Some(outage) = self.outage.as_ref().filter(|outage| outage.places == [place]) {
            let since = outage.since;
            self.chronicle.fate(life).cut_off.push(since, time);
        }
        let setup = self.setup_for(place)?;
        self.crew.replace(place, &setup).await?;
        let killed = now();
        self.chronicle.fate(life).killed = Some(killed);
        self.tell(format!("life {life} is killed"), vec![life]);
        self.deeds.kills += 1;
        Ok(())
    }

    fn stop(&mut self, place: usize, time: Millis) -> Result {
        let working = self.crew.places().filter(|place| !self.crew.is_stopped(*place)).count();
        if self.crew.is_stopped(place) || working < 2 {
            return Ok(());
        }
        // Often long enough for somebody else to take over, present and commit.
        let lease = times::LEASE.as_millis() as u64;
        let length = self.dice.millis(lease + 200, lease + 4_500);
        let life = self.crew.stop(place)?;
        self.stopped[place] = Some((time, time + length.as_millis() as Millis));
        self.tell(format!("life {life} is stopped for {length:?}"), vec![life]);
        self.deeds.stops += 1;
        Ok(())
    }

    /// A worker that was stopped while it wrote to a store on disk kept everybody from writing.
    fn was_stopped(&mut self, life: Life, since: Millis) {
        let until = now();
        self.chronicle.fate(life).stopped.push(since, until);
        if self.ground.networks().is_empty() {
            self.chronicle.nobody_wrote.push(since, until);
        }
    }

    async fn log_out(&mut self, place: usize, session: usize, time: Millis) -> Result {
        let known = &mut self.sessions[session];
        // Whoever has just signed in may not be stored yet.
        let Some(sign_in) = known.sign_in.as_ref().filter(|sign_in| sign_in.stored < time) else { return Ok(()) };
        if known.is_over || known.logout.is_some() || self.crew.is_stopped(place) {
            return Ok(());
        }
        self.chronicle.logouts.push(Logout { subject: sign_in.subject.clone(), done: None });
        known.logout = Some(self.crew.life(place));
        self.deeds.logouts += 1;
        self.crew.order(place, &Order::Logout(session)).await
    }

    /// Something goes wrong with so many of the next requests to the authorization server.
    fn faults(&mut self, count: usize) {
        for _ in 0..count {
            let choices = [(4, 0), (3, 1), (1, 2), (4, 3), (2, 4), (1, 5), (1, 6)];
            let fault = match self.dice.weighed(&choices) {
                Some(0) => Fault::Delay(self.dice.millis(100, 1_400)),
                Some(1) => Fault::status(503),
                Some(2) => Fault::too_many_requests(RetryAfter::Seconds(1)),
                Some(3) => Fault::DropBefore,
                Some(4) => Fault::DropAfter,
                Some(5) => Fault::Truncated,
                _ => Fault::Garbage,
            };
            self.server.inject(fault);
        }
        self.deeds.faults += count;
    }

    /// Nobody reaches the store, or somebody does not.
    fn outage(&mut self, trouble: Trouble, place: usize, time: Millis) {
        let blockade = if matches!(trouble, Trouble::Block) { self.ground.blockade() } else { None };
        let everybody = blockade.is_some() || self.dice.below(2) == 0;
        let places: Vec<usize> = if everybody { self.crew.places().collect() } else { vec![place] };
        let length = self.dice.millis(200, times::LEASE.as_millis() as u64 + 2_500);
        let networks = self.ground.networks().iter().enumerate().filter(|(place, _)| places.contains(place));
        let how = match trouble {
            Trouble::Cut => {
                networks.for_each(|(_, network)| network.cut());
                "cut off"
            }
            Trouble::Stall => {
                networks.for_each(|(_, network)| network.stall());
                "without an answer"
            }
            _ => "kept from writing",
        };
        let lives: Vec<Life> = places.iter().map(|place| self.crew.life(*place)).collect();
        self.tell(format!("lives {lives:?} are {how} for {length:?}"), lives);
        self.outage =
            Some(Outage { places, since: time, until: time + length.as_millis() as Millis, _blockade: blockade });
        self.deeds.outages += 1;
    }

    fn tell(&mut self, what: String, lives: Vec<Life>) {
        self.chronicle.incidents.push(Incident { at: now(), what, lives });
    }
}
