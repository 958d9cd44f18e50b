//! A page in steps: what the stage is, what lies there, what is typed and what the screen says.
//!
//! Everything is Markdown as a person reads it. A quotation sets the stage, in a few fixed sentences. A
//! block of TOML that begins with `# NAME, at NODE` is a file in that node's folder. A block `console`
//! is what is typed and shown: `KR$ comity ...` at once, `KR (soon)$ comity ...` again and again until
//! the screen is as the page has it. `[..]` stands for anything within a line, `...` for any lines, and
//! `? 65` under a command for how it ended.

use std::ops::Range;

use jiff::Timestamp;

/// One step, and the line of the page on which it stands.
pub(crate) struct Step {
    pub(crate) line: usize,
    pub(crate) what: What,
}

/// What a step does.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// `It is 2026-11-23T02:00:00Z.`
    Clock(Timestamp),
    /// `KR, JP and FJ run.`
    Run(Vec<String>),
    /// `KR and JP are paired.`; `XX, as KR, and FJ are paired.`: each by the name that it says.
    Pair(Named, Named),
    /// `XX is a copy of KR.`
    Copy {
        name: String,
        of: String,
    },
    /// `XX is gone.`: it plays no part any more.
    Gone(String),
    /// `JP is offline.`
    Offline(String),
    /// `JP is back.`
    Back(String),
    File {
        node: String,
        name: String,
        content: String,
    },
    Command {
        node: String,
        /// Whether it is asked again until the screen is as the page has it.
        soon: bool,
        words: Vec<String>,
        /// The lines of the page that are the screen.
        screen: Range<usize>,
    },
}

/// A node, and what it calls itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) node: String,
    pub(crate) says: String,
}

/// The steps of a page, in order. What cannot be read is said with its line.
pub(crate) fn steps(page: &str) -> Result<Vec<Step>, String> {
    let lines: Vec<&str> = page.lines().collect();
    let mut steps = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        if line.starts_with('>') {
            let end = end_of(&lines, at, |line| !line.starts_with('>'));
            let quoted: Vec<_> =
                lines[at..end].iter().map(|line| line.trim_start_matches('>').trim()).collect();
            for sentence in sentences(&quoted.join(" ")) {
                let what = direction(sentence)
                    .ok_or_else(|| format!("line {}: not understood: {sentence}", at + 1))?;
                steps.push(Step { line: at, what });
            }
            at = end;
        } else if let Some(kind) = line.strip_prefix("```") {
            let end = end_of(&lines, at + 1, |line| line == "```");
            if end == lines.len() {
                return Err(format!("line {}: the block has no end", at + 1));
            }
            match kind {
                "console" => commands(&lines, at + 1..end, &mut steps)?,
                "toml" => steps.push(file(&lines, at + 1..end)?),
                other => return Err(format!("line {}: a block of `{other}`", at + 1)),
            }
            at = end + 1;
        } else {
            at += 1;
        }
    }
    Ok(steps)
}

fn end_of(lines: &[&str], from: usize, is_end: impl Fn(&str) -> bool) -> usize {
    (from..lines.len()).find(|at| is_end(lines[*at])).unwrap_or(lines.len())
}

fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(". ").map(str::trim).filter(|sentence| !sentence.is_empty())
}

fn direction(sentence: &str) -> Option<What> {
    let said = sentence.strip_suffix('.')?;
    if let Some(instant) = said.strip_prefix("It is ") {
        return instant.parse().ok().map(What::Clock);
    }
    if let Some(names) = said.strip_suffix(" run") {
        let names = names.replace(" and ", ", ");
        return Some(What::Run(names.split(", ").map(str::to_owned).collect()));
    }
    if let Some(names) = said.strip_suffix(" are paired") {
        let (one, other) = names.split_once(" and ")?;
        return Some(What::Pair(named(one), named(other)));
    }
    if let Some((name, of)) = said.split_once(" is a copy of ") {
        return Some(What::Copy { name: name.to_owned(), of: of.to_owned() });
    }
    if let Some(name) = said.strip_suffix(" is gone") {
        return Some(What::Gone(name.to_owned()));
    }
    let (name, offline) = (said.strip_suffix(" is offline"), said.strip_suffix(" is back"));
    offline
        .map(|name| What::Back(name.to_owned()))
        .or_else(|| name.map(|name| What::Offline(name.to_owned())))
}

/// `KR`; `XX, as KR,`.
fn named(text: &str) -> Named {
    let (node, says) = text.trim_end_matches(',').split_once(", as ").unwrap_or((text, text));
    Named { node: node.to_owned(), says: says.to_owned() }
}

fn file(lines: &[&str], block: Range<usize>) -> Result<Step, String> {
    let line = block.start;
    let head = lines[line].strip_prefix("# ").and_then(|head| head.split_once(", at "));
    let (name, node) =
        head.ok_or_else(|| format!("line {}: a file begins with `# NAME, at NODE`", line + 1))?;
    let content = lines[block].join("\n") + "\n";
    let what = What::File { node: node.to_owned(), name: name.to_owned(), content };
    Ok(Step { line, what })
}

fn commands(lines: &[&str], block: Range<usize>, steps: &mut Vec<Step>) -> Result<(), String> {
    let typed: Vec<_> = block.clone().filter(|at| prompt(lines[*at]).is_some()).collect();
    if typed.first() != Some(&block.start) {
        return Err(format!("line {}: a block begins with a command", block.start + 1));
    }
    for (place, line) in typed.iter().copied().enumerate() {
        let next = typed.get(place + 1).copied().unwrap_or(block.end);
        let last = (line..next).rev().find(|at| !lines[*at].trim().is_empty()).unwrap_or(line);
        let Some((node, soon, command)) = prompt(lines[line]) else { continue };
        let mut words = words(command);
        if words.first().is_none_or(|first| first != "comity") {
            return Err(format!("line {}: only comity is typed", line + 1));
        }
        words.remove(0);
        let what = What::Command { node: node.to_owned(), soon, words, screen: line + 1..last + 1 };
        steps.push(Step { line, what });
    }
    Ok(())
}

/// `KR$ comity list`, `KR (soon)$ comity list`.
fn prompt(line: &str) -> Option<(&str, bool, &str)> {
    let (before, command) = line.split_once("$ ")?;
    let (node, soon) = match before.strip_suffix(" (soon)") {
        Some(node) => (node, true),
        None => (before, false),
    };
    let is_name = !node.is_empty() && node.bytes().all(|byte| byte.is_ascii_uppercase());
    is_name.then_some((node, soon, command))
}

/// Words, as a shell has them; what stands in double quotes is one.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (place, piece) in command.split('"').enumerate() {
        if place % 2 == 1 {
            words.push(piece.to_owned());
        } else {
            words.extend(piece.split_whitespace().map(str::to_owned));
        }
    }
    words
}

#[test]
fn a_page_is_read_as_a_person_reads_it() {
    let page = "# X\n\n> It is 2026-11-23T02:00:00Z. KR, JP and FJ run.\n> KR and JP are paired.\n\n\
        ```toml\n# a.toml, at KR\nformat = 1\n```\n\n```console\nKR$ comity list\nNo records.\n\n\
        JP (soon)$ comity group show \"A B\"\n? 66\n```\n> JP is offline. JP is back.\n\
        > XX is a copy of JP. XX, as JP, and KR are paired. XX is gone.\n";
    let read: Vec<_> =
        steps(page).unwrap().into_iter().map(|step| (step.line, step.what)).collect();
    let named = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let called = |node: &str, says: &str| Named { node: node.to_owned(), says: says.to_owned() };
    let expected = [
        (2, What::Clock("2026-11-23T02:00:00Z".parse().unwrap())),
        (2, What::Run(named(&["KR", "JP", "FJ"]))),
        (2, What::Pair(called("KR", "KR"), called("JP", "JP"))),
        (
            6,
            What::File {
                node: "KR".to_owned(),
                name: "a.toml".to_owned(),
                content: "# a.toml, at KR\nformat = 1\n".to_owned(),
            },
        ),
        (
            11,
            What::Command {
                node: "KR".to_owned(),
                soon: false,
                words: named(&["list"]),
                screen: 12..13,
            },
        ),
        (
            14,
            What::Command {
                node: "JP".to_owned(),
                soon: true,
                words: named(&["group", "show", "A B"]),
                screen: 15..16,
            },
        ),
        (17, What::Offline("JP".to_owned())),
        (17, What::Back("JP".to_owned())),
        (17, What::Copy { name: "XX".to_owned(), of: "JP".to_owned() }),
        (17, What::Pair(called("XX", "JP"), called("KR", "KR"))),
        (17, What::Gone("XX".to_owned())),
    ];
    assert_eq!(read, expected);
    for (broken, says) in [
        ("> JP sleeps.\n", "not understood"),
        ("```console\nKR$ comity list\n", "no end"),
        ("```console\nNo records.\n```\n", "begins with a command"),
        ("```console\nKR$ rm -r x\n```\n", "only comity"),
        ("```toml\nformat = 1\n```\n", "# NAME, at NODE"),
        ("```sh\n```\n", "`sh`"),
    ] {
        let error = steps(broken).err().unwrap();
        assert!(error.contains(says), "{error}");
    }
}
