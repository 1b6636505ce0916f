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
        prose: "All threads ask one session. The floor is a look at the coarse clock and a comparison.",
        case: "Threads",
    },
    Section {
        family: "header",
        title: "A ready header value",
        prose: "All threads ask one session for its `Authorization` header value. The floor decides the same, and clones \
                a value that each thread has to itself.",
        case: "Threads",
    },
    Section {
        family: "by_id",
        title: "One of many sessions",
        prose: "A header value by session id: of all sessions in random order (`uniform`), or of a thousand of them \
                (`hot`). The floor is told the place in memory and reads it there. What grows with the number of \
                sessions is the cost of memory that no cache holds.",
        case: "Sessions",
    },
    Section {
        family: "decide",
        title: "Decisions and clocks",
        prose: "`plan` is made once for each token set, `phase` is where an instant falls in it, `clock` is one look at \
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
        prose: "A record made of a session (`close`), a session of a record (`open`), and the name under which it is \
                kept (`address`), with the seal and without.",
        case: "Session",
    },
    Section {
        family: "stores",
        title: "Stores",
        prose: "Calls of each store. Those on servers include a way to a server on the same machine.",
        case: "Case",
    },
    Section {
        family: "timers",
        title: "Timers",
        prose: "What refreshing in the background costs with many sessions.",
        case: "Sessions",
    },
];

/// The words for a family, if it is known.
pub(super) fn section(family: &str) -> Option<&'static Section> {
    SECTIONS.iter().find(|section| section.family == family)
}
