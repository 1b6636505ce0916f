//! What the page says about each family of groups.

/// Words around the figures of one family.
#[derive(Debug)]
pub(super) struct Section {
    /// The first word of its groups' names.
    pub(super) family: &'static str,
    pub(super) title: &'static str,
    pub(super) prose: &'static str,
    /// What tells its groups apart.
    pub(super) case: &'static str,
}

/// Families in the order of the page. Others follow them, under their own names.
pub(super) const SECTIONS: [Section; 8] = [
    Section {
        family: "check",
        title: "Is the token fresh?",
        prose: "All threads ask one session. The floor compares the coarse clock with a deadline behind a pointer that a\n\
                refresh may swap; ours with a number beside that pointer, which a refresh withdraws. In `apart` each\n\
                thread has a manager of its own, and shares nothing: what is slower there with more threads is the\n\
                machine's doing.",
        case: "Threads",
    },
    Section {
        family: "header",
        title: "A ready header value",
        prose: "All threads ask one session for its `Authorization` header value. The floor decides the same, and\n\
                clones a ready value of which each thread has a copy; `shared` is the same with one value for all threads.\n\
                `by_hand` is a token behind a lock, the standard clock, and a value built for each call. `apart` is\n\
                `try_authorization` by threads that share nothing, each with a manager of its own: what sharing costs\n\
                is the ratio to it, and what the machine's further processors cost is in its own ratio to one thread.",
        case: "Threads",
    },
    Section {
        family: "by_id",
        title: "One of many sessions",
        prose: "A header value by session id: of all sessions in random order (`uniform`), or of a thousand of them\n\
                (`hot`). The floor knows the place in memory. What grows with the number of sessions is the price of\n\
                memory that no cache holds.",
        case: "Sessions",
    },
    Section {
        family: "decide",
        title: "Decisions and clocks",
        prose: "`plan` is made once for each token set, `phase` says where an instant falls in it, `clock` is one look at\n\
                a clock.",
        case: "Case",
    },
    Section {
        family: "refresh_overhead",
        title: "A refresh, beside its request",
        prose: "What the protocol adds to the one request that it makes.",
        case: "Case",
    },
    Section {
        family: "sealing",
        title: "Sealing",
        prose: "A record made of a session (`close`), a session of a record (`open`), and the name under which it is kept\n\
                (`address`), with the seal and without.",
        case: "Session",
    },
    Section {
        family: "stores",
        title: "Stores",
        prose: "Calls of each store. Those on servers include a way to a server on the same machine.",
        case: "Case",
    },
    Section {
        family: "background",
        title: "Kept fresh in the background",
        prose: "Sessions that are refreshed when they are due, without callers: how punctually, at what cost, and what one\n\
                timer of them costs among how many.",
        case: "Sessions",
    },
];

/// The words for a family, if it is known.
pub(super) fn section(family: &str) -> Option<&'static Section> {
    SECTIONS.iter().find(|section| section.family == family)
}
