//! [`Run`]: one store, with or without a reuse window, and everything that goes wrong meanwhile.

use std::sync::Arc;
use std::time::Duration;

use oidc_session::{Clock as _, KeyRing, SystemClock};
use oidc_session_test_servers::fresh_name;
use oidc_session_testkit::{AuthorizationServer, Fault, RetryAfter};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::chronicle::{Chronicle, End, Incident, Logout};
use super::crew::{Crew, Heard, Life};
use super::desk::{Desk, SignedIn};
use super::dice::Dice;
use super::ground::Ground;
use super::line::{Call, Got, Millis, Order, Said, Setup, now};
use super::options::{Kind, Options, times};
use super::trial::Trial;
use crate::Result;

/// How often it looks what is due.
const TICK: Duration = Duration::from_millis(20);

/// How often the log of the authorization server is read.
const READINGS: Millis = 500;

/// How often it says how things are.
const PROGRESS: Millis = 5_000;

/// How long everybody has, when nothing goes wrong any more, to have a token of each session.
const CALM: Duration = Duration::from_secs(25);

/// What a run came to.
pub(crate) struct Outcome {
    pub(crate) kind: Kind,
    pub(crate) window: bool,
    pub(crate) deeds: Deeds,
    pub(crate) trial: Trial,
    /// Sessions of which nobody had a token in the end.
    pub(crate) stuck: Vec<String>,
}

/// How often each thing was done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Deeds {
    pub(crate) kills: usize,
    pub(crate) stops: usize,
    pub(crate) outages: usize,
    pub(crate) faults: usize,
    pub(crate) logouts: usize,
}

/// What may go wrong next.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Kill,
    Stop,
    Logout,
    Fault,
    /// The authorization server answers nobody for a while.
    Faults,
    Cut,
    Stall,
}

/// A session, as the run knows it.
#[derive(Clone, Debug, Default)]
struct Known {
    sign_in: Option<SignedIn>,
    /// Which worker was told to end it.
    logout: Option<Life>,
    /// Nobody is signed in any more.
    is_over: bool,
    /// When the latest call that got a token began.
    served: Millis,
}

struct Run {
    options: Options,
    setup: Setup,
    ground: Ground,
    server: Arc<AuthorizationServer>,
    crew: Crew,
    desk: Desk,
    dice: Dice,
    chronicle: Chronicle,
    deeds: Deeds,
    sessions: Vec<Known>,
    /// When whoever is stopped goes on, by place.
    stopped: Vec<Option<(Millis, Millis)>>,
    /// Which places cannot reach the store, since when and until when.
    outage: Option<(Vec<usize>, Millis, Millis)>,
    ready: usize,
}

/// Lets things go wrong over one store.
pub(crate) async fn run(kind: Kind, window: bool, options: &Options, seed: u64) -> Result<Outcome> {
    let ground = Ground::lay(kind, options.processes).await?;
    let builder = AuthorizationServer::builder().access_token_lifetime(times::LIFETIME);
    let builder = if window { builder.reuse_window(times::WINDOW) } else { builder };
    let server = Arc::new(builder.latency(Duration::from_millis(15)).start().await?);
    let setup = Setup {
        kind,
        address: ground.address(),
        place: fresh_name(),
        issuer: server.issuer().to_string(),
        keys: KeyRing::generate(SystemClock.now()).to_json().to_string(),
        window,
        sessions: options.sessions,
        seed,
    };
    let desk = Desk::open(&setup, Arc::clone(&server)).await?;
    let (crew, mut heard) = Crew::new();
    let mut run = Run {
        options: options.clone(),
        setup,
        ground,
        server,
        crew,
        desk,
        dice: Dice::new(seed),
        chronicle: Chronicle::default(),
        deeds: Deeds::default(),
        sessions: vec![Known::default(); options.sessions],
        stopped: vec![None; options.processes],
        outage: None,
        ready: 0,
    };
    run.begin(&mut heard).await?;
    run.turmoil(&mut heard).await?;
    let stuck = run.calm(&mut heard).await?;
    run.end(heard, stuck).await
}

impl Run {
    /// Everybody signs in, and everybody works.
    async fn begin(&mut self, heard: &mut mpsc::Receiver<Heard>) -> Result {
        for session in 0..self.sessions.len() {
            self.desk.orders.send(session)?;
            let signed_in = self.desk.done.recv().await.ok_or("the desk is closed")??;
            self.note(signed_in);
        }
        for place in 0..self.options.processes {
            let setup = self.setup_for(place)?;
            self.crew.join(&setup).await?;
        }
        while self.ready < self.options.processes {
            let (life, said) = heard.recv().await.ok_or("nobody works")?;
            self.hear(life, said)?;
        }
        Ok(())
    }

    async fn turmoil(&mut self, heard: &mut mpsc::Receiver<Heard>) -> Result {
        let begun = now();
        let over = begun + Millis::try_from(self.options.seconds)? * 1000;
        let (mut next, mut reading, mut progress) = (begun + 1000, begun, begun + PROGRESS);
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while now() < over {
            self.listen(heard, &mut ticks).await?;
            let time = now();
            self.relent(time)?;
            if time >= next {
                self.trouble(time).await?;
                next = time + self.dice.millis(120, 700).as_millis() as Millis;
            }
            if time >= reading {
                self.chronicle.read(self.server.presentations());
                reading = time + READINGS;
            }
            if time >= progress {
                self.say_how_it_is((time - begun) / 1000);
                progress = time + PROGRESS;
            }
        }
        Ok(())
    }

    /// Nothing goes wrong any more. Returns the sessions of which nobody has a token in the end.
    async fn calm(&mut self, heard: &mut mpsc::Receiver<Heard>) -> Result<Vec<String>> {
        self.relent(Millis::MAX)?;
        let begun = now();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let is_well = |known: &Known| !known.is_over && known.logout.is_none() && known.served > begun;
        while !self.sessions.iter().all(is_well) && now() < begun + CALM.as_millis() as Millis {
            self.listen(heard, &mut ticks).await?;
        }
        let stuck = self.sessions.iter().filter(|known| !is_well(known));
        Ok(stuck.map(|known| known.sign_in.as_ref().map_or_else(String::new, |found| found.subject.clone())).collect())
    }

    async fn end(self, mut heard: mpsc::Receiver<Heard>, stuck: Vec<String>) -> Result<Outcome> {
        let Self { crew, mut chronicle, server, setup, deeds, ground, .. } = self;
        let listening = async {
            while let Some((life, said)) = heard.recv().await {
                if let Some(said) = said {
                    chronicle.hear(life, &said);
                    if let Said::Calls(calls) = said {
                        chronicle.calls.extend(calls.into_iter().map(|call| (life, call)));
                    }
                }
            }
        };
        let (dismissed, ()) = tokio::join!(crew.dismiss(), listening);
        dismissed?;
        chronicle.read(server.presentations());
        drop(ground);
        let trial = Trial::of(&chronicle, setup.window);
        Ok(Outcome { kind: setup.kind, window: setup.window, deeds, trial, stuck })
    }

    /// Hears what is said until the next tick.
    async fn listen(&mut self, heard: &mut mpsc::Receiver<Heard>, ticks: &mut tokio::time::Interval) -> Result {
        loop {
            tokio::select! {
                heard = heard.recv() => {
                    let (life, said) = heard.ok_or("nobody works")?;
                    self.hear(life, said)?;
                }
                signed_in = self.desk.done.recv() => self.note(signed_in.ok_or("the desk is closed")??),
                _ = ticks.tick() => return Ok(()),
            }
        }
    }

    fn note(&mut self, signed_in: SignedIn) {
        self.chronicle.sign_ins.push(signed_in.clone());
        let known = &mut self.sessions[signed_in.session];
        *known = Known { sign_in: Some(signed_in), ..Known::default() };
    }

    fn hear(&mut self, life: Life, said: Option<Said>) -> Result {
        let Some(said) = said else { return self.is_gone(life) };
        self.chronicle.hear(life, &said);
        match said {
            Said::Ready => self.ready += 1,
            Said::Calls(calls) => {
                for call in calls {
                    self.hear_call(&call)?;
                    self.chronicle.calls.push((life, call));
                }
            }
            Said::LoggedOut { session, done, at } => self.logged_out(session, life, done.then_some(at))?,
            Said::Sent { .. } | Said::Back { .. } | Said::Renewed { .. } | Said::Committed { .. } => {}
        }
        Ok(())
    }

    fn hear_call(&mut self, call: &Call) -> Result {
        let known = &mut self.sessions[call.session];
        let Some(sign_in) = &known.sign_in else { return Ok(()) };
        match &call.got {
            Got::Token(_) => known.served = known.served.max(call.begun),
            // Who began before the sign-in was stored speaks of the one before.
            Got::Ended(reason) if call.begun >= sign_in.stored && !known.is_over => {
                let end = End { subject: sign_in.subject.clone(), reason: reason.clone(), at: call.ended };
                self.chronicle.ends.push(end);
                known.is_over = true;
                if known.logout.is_none() {
                    self.desk.orders.send(call.session)?;
                }
            }
            Got::Ended(_) | Got::Error(..) => {}
        }
        Ok(())
    }

    /// A logout is done, or will never be: its worker is dead.
    fn logged_out(&mut self, session: usize, life: Life, done: Option<Millis>) -> Result {
        let known = &mut self.sessions[session];
        if known.logout != Some(life) {
            return Ok(());
        }
        known.logout = None;
        let subject = known.sign_in.as_ref().map(|sign_in| sign_in.subject.as_str()).unwrap_or_default();
        if let Some(logout) = self.chronicle.logouts.iter_mut().find(|logout| logout.subject == subject) {
            logout.done = done;
        }
        if done.is_some() || known.is_over {
            known.is_over = true;
            self.desk.orders.send(session)?;
        }
        Ok(())
    }

    fn is_gone(&mut self, life: Life) -> Result {
        if self.crew.places().any(|place| self.crew.life(place) == life) {
            return Err("a worker has ended by itself".into());
        }
        for session in 0..self.sessions.len() {
            self.logged_out(session, life, None)?;
        }
        Ok(())
    }

    /// Ends what has lasted long enough.
    fn relent(&mut self, time: Millis) -> Result {
        for place in self.crew.places() {
            if let Some((since, until)) = self.stopped[place]
                && until <= time
            {
                let life = self.crew.go_on(place)?;
                self.stopped[place] = None;
                self.chronicle.fate(life).stopped.push((since, now()));
                self.tell(format!("life {life} goes on"), Vec::new());
            }
        }
        if let Some((places, since, _)) = self.outage.take_if(|(_, _, until)| *until <= time) {
            let networks = self.ground.networks();
            places.iter().for_each(|place| networks[*place].heal());
            if places.len() == networks.len() {
                self.chronicle.everybody_cut_off.push((since, now()));
            } else {
                for life in places.iter().map(|place| self.crew.life(*place)).collect::<Vec<_>>() {
                    self.chronicle.fate(life).cut_off.push((since, now()));
                }
            }
            self.tell("the network is well again".to_owned(), Vec::new());
        }
        Ok(())
    }

    async fn trouble(&mut self, time: Millis) -> Result {
        let network = usize::from(!self.ground.networks().is_empty() && self.outage.is_none());
        let choices = [
            (5, Trouble::Kill),
            (4, Trouble::Stop),
            (2, Trouble::Logout),
            (8, Trouble::Fault),
            (1, Trouble::Faults),
            (3 * network, Trouble::Cut),
            (3 * network, Trouble::Stall),
        ];
        match self.dice.weighed(&choices) {
            Some(Trouble::Kill) => self.kill(time).await,
            Some(Trouble::Stop) => self.stop(time),
            Some(Trouble::Logout) => self.log_out(time).await,
            Some(Trouble::Fault) => {
                self.faults(1);
                Ok(())
            }
            Some(Trouble::Faults) => {
                self.faults(self.options.sessions.div_ceil(5));
                Ok(())
            }
            Some(Trouble::Cut) => {
                self.outage(true, time);
                Ok(())
            }
            Some(Trouble::Stall) => {
                self.outage(false, time);
                Ok(())
            }
            None => Ok(()),
        }
    }

    async fn kill(&mut self, time: Millis) -> Result {
        let place = self.dice.below(self.options.processes);
        let life = self.crew.life(place);
        if let Some((since, _)) = self.stopped[place].take() {
            self.chronicle.fate(life).stopped.push((since, time));
        }
        self.chronicle.fate(life).killed = Some(time);
        self.tell(format!("life {life} is killed"), vec![life]);
        let setup = self.setup_for(place)?;
        self.crew.replace(place, &setup).await?;
        self.deeds.kills += 1;
        Ok(())
    }

    fn stop(&mut self, time: Millis) -> Result {
        let place = self.dice.below(self.options.processes);
        let working = self.crew.places().filter(|place| !self.crew.is_stopped(*place)).count();
        if self.crew.is_stopped(place) || working < 2 {
            return Ok(());
        }
        let lease = times::LEASE.as_millis() as u64;
        let length = self.dice.millis(lease + 200, lease + 2_500);
        let life = self.crew.stop(place)?;
        self.stopped[place] = Some((time, time + length.as_millis() as Millis));
        self.tell(format!("life {life} is stopped for {length:?}"), vec![life]);
        self.deeds.stops += 1;
        Ok(())
    }

    async fn log_out(&mut self, time: Millis) -> Result {
        let (place, session) = (self.dice.below(self.options.processes), self.dice.below(self.options.sessions));
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
            let choices = [(4, 0), (2, 1), (1, 2), (3, 3), (2, 4), (1, 5), (1, 6)];
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
    fn outage(&mut self, cut: bool, time: Millis) {
        let everybody = self.dice.below(2) == 0;
        let somebody = self.dice.below(self.options.processes);
        let places = if everybody { self.crew.places().collect() } else { vec![somebody] };
        let length = self.dice.millis(200, times::LEASE.as_millis() as u64 + 1_500);
        for place in &places {
            let network = &self.ground.networks()[*place];
            if cut { network.cut() } else { network.stall() }
        }
        let lives: Vec<Life> = places.iter().map(|place| self.crew.life(*place)).collect();
        let how = if cut { "cut" } else { "silent" };
        self.tell(format!("the network of lives {lives:?} is {how} for {length:?}"), lives);
        self.outage = Some((places, time, time + length.as_millis() as Millis));
        self.deeds.outages += 1;
    }

    fn tell(&mut self, what: String, lives: Vec<Life>) {
        self.chronicle.incidents.push(Incident { at: now(), what, lives });
    }

    fn setup_for(&self, place: usize) -> Result<Setup> {
        Ok(Setup { address: self.ground.address_for(place)?, ..self.setup.clone() })
    }

    fn say_how_it_is(&self, seconds: Millis) {
        let Deeds { kills, stops, outages, faults, logouts } = self.deeds;
        let (grants, calls) = (self.server.counters().refresh_grants, self.chronicle.calls.len());
        let ends = self.chronicle.ends.len();
        println!(
            "  {seconds:>3} s  {grants} grants, {calls} calls, {ends} ends; {kills} kills, {stops} stops, {outages} outages, \
             {faults} faults, {logouts} logouts"
        );
    }
}
