//! What is simulated, and what a run did.

use super::mutation::Mutation;

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Config {
    /// Decides everything.
    pub seed: u64,
    /// How many nodes.
    pub nodes: usize,
    /// How many partners each has, about.
    pub degree: usize,
    /// How many things people, disks and networks do.
    pub acts: usize,
    /// Whether processes die, disks fail and connections break.
    pub faults: bool,
    /// Whether one node at a time is put back to a backup.
    pub restores: bool,
    /// Whether people erase what is here.
    pub erasures: bool,
    /// Whether people ask origins for others, and have things destroyed.
    pub consents: bool,
    /// Whether authors' keys end, are stolen, and are declared stolen.
    pub keys: bool,
    /// Whether root keys take each other's place, and are stolen.
    pub roots: bool,
    /// Whether people change what is agreed.
    pub amendments: bool,
    /// How many parts in a hundred are large: of more than one chunk.
    pub large: usize,
    /// Whether people found groups, come and go in them, and publish to them.
    pub groups: bool,
    /// Whether clocks are wrong for a while.
    pub clocks: bool,
    /// Whether a second person, a guard and broken glass decide what leaves a house.
    pub guarded: bool,
    /// Whether the keys of links take each other's place, in good order or because they were stolen.
    pub links: bool,
    /// Whether people look at what others bring before it counts, or do not take it.
    pub intake: bool,
    /// Whether what is kept here goes when its time is over.
    pub terms: bool,
    /// Whether all of this is in it: then some of each.
    pub everything: bool,
    /// How often everybody sleeps.
    pub night_count: usize,
    /// For how many hours, at one time or another.
    pub nights: Vec<u64>,
    /// How many nodes are hostile.
    pub hostile: usize,
    /// Whether nobody knows who is beyond its partners before faults end, and so many records that
    /// everybody may have were published by then that they are not all kept.
    pub strangers: bool,
    /// Whom nodes trust how far, where that makes no difference: nothing above GREEN is published then, and every
    /// level lets that go. Another number, other levels.
    pub trust: Option<u64>,
    /// What is broken on purpose.
    pub mutation: Option<Mutation>,
}

impl Config {
    /// The federation of the test tiers.
    #[must_use]
    pub fn federation(seed: u64) -> Self {
        Self {
            seed,
            nodes: 20,
            degree: 4,
            acts: 220,
            faults: true,
            restores: true,
            erasures: false,
            consents: false,
            keys: false,
            roots: false,
            amendments: false,
            large: 1,
            groups: false,
            clocks: false,
            guarded: false,
            links: false,
            intake: false,
            terms: false,
            everything: false,
            night_count: 0,
            nights: Vec::new(),
            hostile: 1,
            strangers: false,
            trust: None,
            mutation: None,
        }
    }

    /// A smaller one, with everything in it.
    #[must_use]
    pub fn small(seed: u64) -> Self {
        Self { nodes: 6, degree: 3, acts: 80, ..Self::federation(seed) }
    }

    /// The same, in which people erase what is here.
    #[must_use]
    pub fn forgetting(seed: u64) -> Self {
        Self { erasures: true, ..Self::small(seed) }
    }

    /// A small one in which people ask origins for others, which answer and take back, and recall records.
    #[must_use]
    pub fn asking(seed: u64) -> Self {
        Self { consents: true, acts: 240, ..Self::small(seed) }
    }

    /// A small one in which authors' keys take each other's place, are stolen, and are declared stolen.
    #[must_use]
    pub fn keyed(seed: u64) -> Self {
        Self { keys: true, acts: 240, ..Self::small(seed) }
    }

    /// A small one in which root keys take each other's place, in good order or after a thief has signed with them.
    #[must_use]
    pub fn rooted(seed: u64) -> Self {
        Self { keys: true, roots: true, acts: 320, ..Self::small(seed) }
    }

    /// Whether connections close because a key or a root has ended.
    #[must_use]
    pub const fn has_doors(&self) -> bool {
        self.links || self.roots
    }

    /// A few nodes that change what they have agreed on, take back what they proposed, and end it.
    #[must_use]
    pub fn amending(seed: u64) -> Self {
        Self { nodes: 4, amendments: true, acts: 240, ..Self::small(seed) }
    }

    /// A small one in which people found groups, and come and go in them, over nights that are longer than some
    /// secretariats are heard.
    #[must_use]
    pub fn grouped(seed: u64) -> Self {
        let nights = vec![30, 6 * 24, 13 * 24, 15 * 24, 20 * 24];
        Self { groups: true, acts: 320, night_count: 3, nights, ..Self::small(seed) }
    }

    /// A small one in which clocks jump, and what is published bears times.
    #[must_use]
    pub fn clocked(seed: u64) -> Self {
        Self { clocks: true, acts: 240, night_count: 2, nights: vec![32, 40], ..Self::small(seed) }
    }

    /// A small one in which a second person says what leaves, a guard reads it, and glass is broken.
    #[must_use]
    pub fn guarded(seed: u64) -> Self {
        Self { guarded: true, acts: 280, night_count: 2, nights: vec![26, 30], ..Self::small(seed) }
    }

    /// A small one in which the keys of links take each other's place, and those of authors as well.
    #[must_use]
    pub fn relinked(seed: u64) -> Self {
        Self { links: true, keys: true, acts: 280, ..Self::small(seed) }
    }

    /// A small one in which people look at what others bring, let it in or drop it, or do not take it.
    #[must_use]
    pub fn reviewed(seed: u64) -> Self {
        Self { intake: true, acts: 320, ..Self::small(seed) }
    }

    /// A small one in which what is kept goes when its time is over, by clocks that are wrong for a while.
    #[must_use]
    pub fn lapsing(seed: u64) -> Self {
        let nights = vec![40, 3 * 24, 5 * 24, 9 * 24];
        Self { terms: true, clocks: true, acts: 280, night_count: 3, nights, ..Self::small(seed) }
    }

    /// A few more nodes, with all that any of these has: what keeps to itself in each may meet here.
    #[must_use]
    pub fn everything(seed: u64) -> Self {
        Self {
            nodes: 6 + usize::try_from(seed % 3).expect("two at most"),
            acts: 340,
            erasures: true,
            consents: true,
            keys: true,
            amendments: true,
            groups: true,
            clocks: true,
            guarded: true,
            links: true,
            intake: true,
            terms: true,
            everything: true,
            night_count: 3,
            nights: vec![40, 5 * 24, 15 * 24],
            ..Self::small(seed)
        }
    }

    /// A small one in which partners are trusted as far as they need to be for all that is published, or further:
    /// `trust` says which.
    #[must_use]
    pub fn discreet(seed: u64, trust: u64) -> Self {
        Self { trust: Some(trust), acts: 160, ..Self::small(seed) }
    }

    /// A few nodes that are told only at the end who is beyond their partners.
    #[must_use]
    pub fn strangers(seed: u64) -> Self {
        Self {
            nodes: 5,
            degree: 2,
            acts: 60,
            hostile: 0,
            strangers: true,
            ..Self::federation(seed)
        }
    }

    /// A few nodes, one of which is made to break an invariant.
    #[must_use]
    pub fn mutant(seed: u64, mutation: Mutation) -> Self {
        let keys = mutation == Mutation::BelieveDoubted;
        let hostile = usize::from(keys || mutation == Mutation::AcceptForged);
        // One who is told before the sync is told so even where there is nobody to send to.
        let nodes = if mutation == Mutation::ReplyBeforeSync { 1 } else { 4 };
        // One that loses pieces of large parts needs some, and connections that break in the middle of one.
        let large = if mutation == Mutation::LosePieces { 30 } else { 1 };
        let tier = match mutation {
            Mutation::ForgetRemoval => Some(Self::grouped(seed)),
            Mutation::FollowClock => Some(Self::clocked(seed)),
            Mutation::ForgetAwaited => Some(Self::guarded(seed)),
            Mutation::BelieveRobber => Some(Self::rooted(seed)),
            Mutation::LeaveDoorOpen => Some(Self::relinked(seed)),
            Mutation::ForgetReview => Some(Self::reviewed(seed)),
            Mutation::EraseEarly | Mutation::ForgetHold => Some(Self::lapsing(seed)),
            _ => None,
        };
        if let Some(tier) = tier {
            // Clocks are far off only while a night is to come.
            let nights = matches!(
                mutation,
                Mutation::FollowClock | Mutation::EraseEarly | Mutation::ForgetHold
            );
            let night_count = if nights { tier.night_count } else { 0 };
            return Self { mutation: Some(mutation), night_count, restores: false, ..tier };
        }
        let mutation = Some(mutation);
        Self { nodes, hostile, keys, large, restores: false, mutation, ..Self::small(seed) }
    }

    /// A few nodes, nothing going wrong.
    #[must_use]
    pub fn calm(seed: u64, nodes: usize) -> Self {
        Self {
            nodes,
            degree: nodes.saturating_sub(1),
            acts: 30,
            faults: false,
            restores: false,
            hostile: 0,
            ..Self::federation(seed)
        }
    }
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Inputs that engines took.
    pub steps: u64,
    /// Deliveries that went over a wire.
    pub delivered: u64,
    /// Records signed.
    pub signed: u64,
    /// Processes that died.
    pub crashes: u64,
    /// Nodes put back to a backup.
    pub restores: u64,
    /// What people erased.
    pub erasures: u64,
    /// Deliveries that an origin's consent alone let go.
    pub consented: u64,
    /// Authors' keys whose place another took.
    pub keys_ended: u64,
    /// Authors' keys that were declared stolen.
    pub keys_stolen: u64,
    /// Root keys whose place others took.
    pub rooted: u64,
    /// Keyrings that a thief signed with root keys.
    pub robbed: u64,
    /// Economies that froze at a partner for the root had signed two keyrings of one version.
    pub split: u64,
    /// Records that a thief signed and that somebody believed at first.
    pub undone: u64,
    /// Records that a thief signed and that somebody does not believe, or believes no more.
    pub doubted: u64,
    /// Texts that took the place of others, at the end and at each node, and agreements that were contested.
    pub amended: (u64, u64),
    /// Groups that were founded.
    pub groups: u64,
    /// Rosters that left somebody out.
    pub removed: u64,
    /// Groups that two rosters of one number stopped.
    pub frozen: u64,
    /// Deliveries that went to members of a group, as such.
    pub grouped: u64,
    /// Nights in which nobody ran.
    pub nights: u64,
    /// Clocks that were set to what is not so.
    pub jumps: u64,
    /// Deliveries of what nobody, or nobody else, might have before a time.
    pub timed: u64,
    /// Deliveries that passed on what an embargo held before its origin lifted it.
    pub lifted: u64,
    /// Records that a second person approved.
    pub approved: u64,
    /// Records that a second person refused.
    pub refused: u64,
    /// Parts on the lists that a person let pass.
    pub let_pass: u64,
    /// How often the glass was broken.
    pub glasses: u64,
    /// Deliveries that nothing else let go.
    pub by_glass: u64,
    /// What nobody confirmed, and was recalled.
    pub recalled: u64,
    /// Keys of links whose place another took.
    pub relinked: u64,
    /// Words about keyrings that thieves signed.
    pub misled: u64,
    /// How often somebody went by a keyring no longer, for what its economy said of it, or did not say.
    pub unconfirmed: u64,
    /// Connections that were closed for the key with which they were opened has ended.
    pub put_out: u64,
    /// How often a key was shown that had been a link's before.
    pub knocks: u64,
    /// Parts whose time was over, and that went by themselves.
    pub lapsed: u64,
    /// Records that were kept on legal grounds.
    pub holds: u64,
    /// Rules that people made of what they take in.
    pub rules: u64,
    /// Records that a person let in.
    pub let_in: u64,
    /// Records that a person dropped, or put aside.
    pub put_aside: u64,
    /// Records of which a rule of somebody's house did not take something.
    pub declined: u64,
    /// Deliveries of what a person had to let in before.
    pub let_on: u64,
    /// Connections that broke.
    pub breaks: u64,
    /// Deliveries that were refused because nobody knew their origin.
    pub unkept: u64,
    /// Large parts of which less than all was sent again.
    pub resumed: u64,
    /// Over everything that happened, in order.
    pub trace: u64,
    /// Over everything that honest nodes said to each other and when, but for what hides the head of a journal.
    pub heard: u64,
}
