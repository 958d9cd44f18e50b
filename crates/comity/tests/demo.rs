//! The demonstration as a program sees it: one object, in which everything came true.

use std::process::Command;

use serde_json::Value;

fn all<'a>(data: &'a Value, list: &str) -> &'a [Value] {
    data.get(list).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn is(one: &Value, key: &str, value: impl Into<Value>) -> bool {
    one.get(key) == Some(&value.into())
}

#[test]
fn everything_comes_true() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_comity")).args(["demo", "--json"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let data = answer.get("data").unwrap();

    let predicted = all(data, "predicted");
    for outcome in ["release", "withhold", "hold"] {
        assert!(predicted.iter().any(|one| is(one, "outcome", outcome)), "nothing is {outcome}");
    }
    assert!(predicted.iter().all(|one| is(one, "came_true", true)), "{predicted:#?}");

    // JP's record reaches FJ through KR only, with JP's signature on it.
    let through = |from: &str, to: &str| {
        let from_jp = all(data, "records").iter().find(|one| is(one, "from", "JP")).unwrap();
        let id = from_jp.get("record").cloned().unwrap();
        all(data, "deliveries")
            .iter()
            .filter(|one| {
                is(one, "record", id.clone()) && is(one, "from", from) && is(one, "to", to)
            })
            .count()
    };
    assert_eq!((through("JP", "KR"), through("KR", "FJ"), through("JP", "FJ")), (1, 1, 0));
    for delivery in all(data, "deliveries") {
        assert!(is(delivery, "signature_valid", true), "{delivery:#}");
        assert!(is(delivery, "receipt_valid", true), "{delivery:#}");
    }

    let names: Vec<_> = all(data, "checks").iter().filter_map(|one| one.get("name")).collect();
    assert_eq!(names, ["relay", "tamper", "forward", "MoU ends", "kill -9"]);
}
