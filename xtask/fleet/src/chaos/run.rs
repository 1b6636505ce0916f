//! [`Run`]: one store, with or without a reuse window, and everything that goes wrong meanwhile.

use std::sync::Arc;
use std::time::Duration;

use oidc_session::{Clock as _, KeyRing, SystemClock};
use oidc_session_test_servers::fresh_name;
use oidc_session_testkit::AuthorizationServer;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use self::troubles::{Hit, Outage, Trouble};
use super::chronicle::{Chronicle, End};
use super::crew::{Crew, Heard, Life};
use super::desk::{Desk, SignedIn};
use super::dice::Dice;
use super::ground::Ground;
use super::line::{Call, Got, Millis, Said, Setup, now};
use super::options::{Kind, Options, times};
use super::trial::Trial;
use crate::Result;

mod troubles;

/// How often it looks what is due.
const TICK: Duration = Duration::from_millis(20);

/// How often the log of the authorization server is read.
const READINGS: Millis = 500;

/// How often it says how things are.
const PROGRESS: Millis = 10_000;

/// How long everybody has, when nothing goes wrong any more, to have a token of each session.
const CALM: Duration = Duration::from_secs(60);

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
    outage: Option<Outage>,
    /// Waits for somebody to present a refresh token.
    aimed: Option<Trouble>,
    /// Somebody has just presented one.
    hit: Option<Hit>,
    ready: usize,
}

/// Lets things go wrong over one store.
pub(crate) async fn run(kind: Kind, window: bool, options: &Options, seed: u64) -> Result<Outcome> {
    let ground = Ground::lay(kind, options.processes).await?;
    let builder = AuthorizationServer::builder().access_token_lifetime(options.lifetime());
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
        chronicle: Chronicle { lifetime: options.lifetime().as_millis() as Millis, ..Chronicle::default() },
        deeds: Deeds::default(),
        sessions: vec![Known::default(); options.sessions],
        stopped: vec![None; options.processes],
        outage: None,
        aimed: None,
        hit: None,
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
        let over = begun + (self.options.seconds_of_a_run() * 1000.0) as Millis;
        let (mut next, mut reading, mut progress) = (begun + 1000, begun, begun + PROGRESS);
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while now() < over {
            self.listen(heard, &mut ticks).await?;
            let time = now();
            self.relent(time)?;
            if let Some(hit) = self.hit.take() {
                self.strike_in_the_middle(hit, time).await?;
            }
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
        (self.aimed, self.hit) = (None, None);
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

    /// Hears what is said until the next tick, or until somebody is hit.
    async fn listen(&mut self, heard: &mut mpsc::Receiver<Heard>, ticks: &mut tokio::time::Interval) -> Result {
        loop {
            tokio::select! {
                heard = heard.recv() => {
                    let (life, said) = heard.ok_or("nobody works")?;
                    self.hear(life, said)?;
                    if self.hit.is_some() {
                        return Ok(());
                    }
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
                    self.hear_call(life, &call)?;
                    self.chronicle.calls.push((life, call));
                }
            }
            Said::LoggedOut { session, done, at } => self.logged_out(session, life, done.then_some(at))?,
            Said::Sent { subject, .. } => self.hit = self.aimed.take().map(|trouble| Hit { trouble, life, subject }),
            Said::Back { .. } | Said::Renewed { .. } | Said::Committed { .. } => {}
        }
        Ok(())
    }

    fn hear_call(&mut self, life: Life, call: &Call) -> Result {
        let just_woken = self.chronicle.fate(life).stopped.touch(call.begun - 500, call.begun);
        let known = &mut self.sessions[call.session];
        let Some(sign_in) = &known.sign_in else { return Ok(()) };
        match &call.got {
            Got::Token(_) => known.served = known.served.max(call.begun),
            // Who has not heard of the sign-in speaks of the one before. If not, others will say the same.
            Got::Ended(_) if just_woken || call.begun < sign_in.stored + times::HEARSAY => {}
            Got::Ended(reason) if !known.is_over => {
                let (subject, reason) = (sign_in.subject.clone(), reason.clone());
                self.chronicle.ends.push(End { life, subject, reason, begun: call.begun, at: call.ended });
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

    fn setup_for(&self, place: usize) -> Result<Setup> {
        Ok(Setup { address: self.ground.address_for(place)?, ..self.setup.clone() })
    }

    fn say_how_it_is(&self, seconds: Millis) {
        let Deeds { kills, stops, outages, faults, logouts } = self.deeds;
        let (grants, calls) = (self.server.counters().refresh_grants, self.chronicle.calls.len());
        let ends = self.chronicle.ends.len();
        println!(
            "{:>20} {seconds:>4} s  {grants} grants, {calls} calls, {ends} ends; {kills} kills, {stops} stops, {outages} outages, \
             {faults} faults, {logouts} logouts",
            super::title(self.setup.kind, self.setup.window),
        );
    }
}
