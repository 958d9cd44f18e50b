//! A page that says who was told: one file, without scripts, to read and to print.

use std::io::{self, Write};

use comity_node::api::{AuditTold, AuditWho};

use super::told::remarks;
use super::{consented, kept, nobody, people, with_emergency};
use crate::commands::{files, recall};
use crate::screen::times::Zones;

const STYLE: &str = "body{font:15px/1.45 sans-serif;margin:2em auto;max-width:62em;padding:0 1em}\
section{margin-top:3em}table{border-collapse:collapse;width:100%;margin:.6em 0 1.6em}\
th,td{text-align:left;vertical-align:top;border-bottom:1px solid #bbb;padding:.35em .6em}\
th{border-bottom-color:#000}h2{margin-top:1.6em}.tlp{border:1px solid;padding:0 .4em}\
@media print{body{margin:0;max-width:none}tr{break-inside:avoid}section{break-before:page}}";

/// In place of what a record is called.
const UNNAMED: &str = "(not named here)";

/// Who was told what of a record, as the screen says it. A page is given away: what the record is called stands
/// in it where that may leave, or where somebody asked for it.
pub(super) fn page(who: &AuditWho, titles: bool, zones: &Zones) -> io::Result<Vec<u8>> {
    let mut page = begun(&format!("Who was told of {}", who.record.reference))?;
    record(&mut page, who, titles, zones)?;
    ended(page)
}

/// The same of every record in which something was found, each on a sheet of its own.
pub(super) fn pages(
    what: &str,
    told: &[String],
    all: &[AuditWho],
    titles: bool,
    zones: &Zones,
) -> io::Result<Vec<u8>> {
    let mut page = begun(&format!("Who was told of {what}"))?;
    let references: Vec<_> = all.iter().map(|who| who.record.reference.clone()).collect();
    let or = |names: &[String], none: &str| match names {
        [] => none.to_owned(),
        names => names.join(", "),
    };
    let facts = [
        vec!["It stands in".to_owned(), or(&references, "no record that is here")],
        vec!["Told".to_owned(), or(told, "nobody")],
    ];
    table(&mut page, &[], facts)?;
    for who in all {
        writeln!(page, "<section><h1>{}</h1>", text(&who.record.reference))?;
        record(&mut page, who, titles, zones)?;
        writeln!(page, "</section>")?;
    }
    ended(page)
}

fn begun(title: &str) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    writeln!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <title>{0}</title><style>{STYLE}</style></head><body>\n\
         <h1>{0}</h1>",
        text(title)
    )?;
    Ok(page)
}

fn ended(mut page: Vec<u8>) -> io::Result<Vec<u8>> {
    page.write_all(b"</body></html>\n")?;
    Ok(page)
}

fn record(page: &mut Vec<u8>, who: &AuditWho, titles: bool, zones: &Zones) -> io::Result<()> {
    let record = &who.record;
    let facts = [
        ("Record", record.record.clone()),
        ("Kind", record.kind.clone()),
        ("Origin", format!("{} ({})", record.origin, record.origin_id)),
        ("Signed", zones.written(&record.signed_at)),
        ("State", record.lifecycle.clone()),
    ];
    writeln!(
        page,
        "<p>{0} <span class=\"tlp\">TLP:{1}</span></p>",
        if titles || who.title_leaves { text(&record.title) } else { UNNAMED.to_owned() },
        text(&record.tlp)
    )?;
    table(page, &[], facts.map(|(name, fact)| vec![name.to_owned(), fact]))?;
    heading(page, "Deliveries")?;
    if who.deliveries.is_empty() {
        writeln!(page, "<p>{}</p>", nobody(who))?;
    }
    let rows = who.deliveries.iter().map(|one| {
        vec![
            one.partner.clone(),
            zones.written(&one.at),
            people(&one.called),
            with_emergency(&one.state, one.emergency.as_deref()),
            time(one.receipt.as_deref(), zones),
            one.obligations.clone(),
        ]
    });
    table(page, &["to", "decided", "parts", "state", "receipt", "obligations"], rows)?;
    let withheld = kept(&who.deliveries).into_iter().map(|(partner, part)| {
        vec![partner.to_owned(), part.called.clone(), part.gate.clone(), part.clause.clone()]
    });
    let withheld: Vec<_> = withheld.collect();
    if !withheld.is_empty() {
        heading(page, "Kept back")?;
        table(page, &["kept from", "part", "rule", "because"], withheld)?;
    }
    if !who.consented.is_empty() {
        heading(page, "By our consent, from others")?;
        let rows = who.consented.iter().map(|one| consented::row(one, zones).to_vec());
        table(page, &consented::HEAD, rows)?;
    }
    if !who.told_outside.is_empty() {
        heading(page, "Told besides, as people say")?;
        let rows = who.told_outside.iter().map(|one| {
            vec![
                one.whom.clone(),
                one.by.clone(),
                zones.written(&one.told),
                people(&one.sections),
                remarks(one),
            ]
        });
        table(page, &["whom", "by", "when", "parts", "said"], rows)?;
    }
    if !who.files.is_empty() {
        heading(page, "Files that left")?;
        let rows = who.files.iter().map(|one| files::row(one, zones).to_vec());
        table(page, &files::HEAD, rows)?;
    }
    if !who.nothing_sent.is_empty() {
        let names = who.nothing_sent.join(", ");
        writeln!(page, "<p>Nothing of it was sent to {}.</p>", text(&names))?;
    }
    if let Some(by) = &who.superseded_by {
        heading(page, &format!("Replaced by {by}"))?;
        told(page, &who.superseded_told, false, zones)?;
    }
    if let Some(by) = who.recalled_by.as_ref().or(who.withdrawn_by.as_ref()) {
        let what = if who.recalled_by.is_some() { "Recalled" } else { "Withdrawn" };
        heading(page, &format!("{what} by {by}"))?;
        told(page, &who.withdrawal_told, true, zones)?;
    }
    Ok(())
}

fn told(page: &mut Vec<u8>, told: &[AuditTold], answers: bool, zones: &Zones) -> io::Result<()> {
    let rows = told.iter().map(|one| {
        let decided = one.at.as_deref().map(|at| zones.written(at)).unwrap_or_default();
        let receipt = time(one.receipt.as_deref(), zones);
        let mut row = vec![one.partner.clone(), decided, one.state.clone(), receipt];
        let answer = || one.answer.as_ref().map_or_else(|| "not yet".to_owned(), recall::answered);
        row.extend(answers.then(answer));
        row
    });
    let head: &[&str] = &["told of it", "decided", "state", "receipt", "answer"];
    let columns = if answers { head } else { head.split_last().map_or(head, |(_, rest)| rest) };
    table(page, columns, rows)
}

fn time(at: Option<&str>, zones: &Zones) -> String {
    at.map_or_else(|| "none yet".to_owned(), |at| zones.written(at))
}

fn heading(page: &mut Vec<u8>, heading: &str) -> io::Result<()> {
    writeln!(page, "<h2>{}</h2>", text(heading))
}

fn table(
    page: &mut Vec<u8>,
    head: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> io::Result<()> {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() {
        return Ok(());
    }
    page.write_all(b"<table>")?;
    if !head.is_empty() {
        row(page, "th", head.iter().copied())?;
    }
    for cells in rows {
        row(page, "td", cells.iter().map(String::as_str))?;
    }
    page.write_all(b"</table>\n")
}

fn row<'a>(page: &mut Vec<u8>, cell: &str, cells: impl Iterator<Item = &'a str>) -> io::Result<()> {
    page.write_all(b"<tr>")?;
    for content in cells {
        write!(page, "<{cell}>{}</{cell}>", text(content))?;
    }
    page.write_all(b"</tr>\n")
}

/// What others wrote, as text and nothing else.
fn text(written: &str) -> String {
    let mut safe = String::with_capacity(written.len());
    for letter in written.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            letter if letter.is_control() => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_stays_text() {
        assert_eq!(
            text("<script>\"a\" & 'b'</script>\u{1b}[31m"),
            "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt; [31m"
        );
    }

    #[test]
    fn a_table_without_rows_is_none() {
        let mut page = Vec::new();
        table(&mut page, &["to"], Vec::new()).unwrap();
        assert!(page.is_empty());
        table(&mut page, &["to"], [vec!["<JP>".to_owned()]]).unwrap();
        assert_eq!(page, b"<table><tr><th>to</th></tr>\n<tr><td>&lt;JP&gt;</td></tr>\n</table>\n");
    }
}
