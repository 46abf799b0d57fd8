//! Stored audits in, every report form out, held against `tests/golden/`. Run with `BLESS=1` to
//! write the golden files anew, then read the difference.

#[cfg(test)]
mod forms {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::PathBuf;

    use flowaudit::audit::Audit;
    use flowaudit::report::terminal::{self, Detail, Look};
    use flowaudit::report::{csv, escape, json, markdown, redact, schema};
    use serde_json::Value;

    type Writer = fn(&mut dyn std::io::Write, &Audit) -> std::io::Result<()>;

    fn golden(name: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
    }

    fn audit(name: &str) -> Audit {
        serde_json::from_str(&fs::read_to_string(golden(&format!("{name}.json"))).unwrap()).unwrap()
    }

    fn page(audit: &Audit, width: usize, colour: bool, detail: Detail) -> String {
        let mut written = Vec::new();
        terminal::write(&mut written, audit, Look { width, colour, detail }).unwrap();
        String::from_utf8(written).unwrap()
    }

    fn check(name: &str, found: &str) {
        let path = golden(name);
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, found).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == expected, "{name} differs (BLESS=1 writes it anew):\n{found}");
    }

    #[test]
    fn terminal_pages() {
        for name in ["findings", "clean"] {
            for width in [60, 80, 120, 200] {
                let found = page(&audit(name), width, false, Detail::Glance);
                assert!(
                    found.lines().all(|line| unicode_width::UnicodeWidthStr::width(line) <= width),
                    "{name} {width}"
                );
                check(&format!("{name}-{width}.txt"), &found);
            }
        }
        check("findings-100-full.txt", &page(&audit("findings"), 100, false, Detail::Full));
    }

    #[test]
    fn a_matrix_reads_as_a_table() {
        for width in [60, 80, 120] {
            let mut written = Vec::new();
            let look = Look { width, colour: false, detail: Detail::Full };
            terminal::write_pack(&mut written, &flowaudit::matrix::load_pack("ams").unwrap(), look).unwrap();
            let found = String::from_utf8(written).unwrap();
            assert!(found.lines().all(|line| unicode_width::UnicodeWidthStr::width(line) <= width), "{width}");
            check(&format!("ams-{width}.txt"), &found);
        }
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        let (plain, coloured) =
            (page(&audit("findings"), 100, false, Detail::Glance), page(&audit("findings"), 100, true, Detail::Glance));
        assert!(coloured.contains("\x1b["));
        let mut stripped = String::new();
        let mut rest = coloured.as_str();
        while let Some((text, code)) = rest.split_once("\x1b[") {
            stripped.push_str(text);
            rest = code.split_once('m').unwrap().1;
        }
        stripped.push_str(rest);
        assert_eq!(stripped, plain);
    }

    #[test]
    fn files() {
        let mut written = Vec::new();
        csv::write(&mut written, &audit("findings")).unwrap();
        check("findings.csv", &String::from_utf8(written).unwrap());
        let mut written = Vec::new();
        markdown::write(&mut written, &audit("findings")).unwrap();
        check("findings.md", &String::from_utf8(written).unwrap());
    }

    #[test]
    fn hostile_names_are_inert_in_every_form() {
        let hostile = audit("hostile");
        let mut forms = vec![page(&hostile, 80, false, Detail::Glance), page(&hostile, 200, false, Detail::Full)];
        let writers: [Writer; 3] = [json::write, csv::write, markdown::write];
        for writer in writers {
            let mut written = Vec::new();
            writer(&mut written, &hostile).unwrap();
            forms.push(String::from_utf8(written).unwrap());
        }
        for form in &forms {
            assert!(!form.chars().any(|character| character != '\n' && escape::is_hostile(character)), "{form}");
        }
        let (json, csv, markdown) = (&forms[2], &forms[3], &forms[4]);
        assert_eq!(serde_json::from_str::<Audit>(json).unwrap(), hostile, "JSON loses nothing");
        assert!(!csv.contains("\"="), "no cell is a formula");
        assert!(
            !markdown.contains('<') && !markdown.replace("\\]", "").contains("](") && !markdown.contains("@all"),
            "{markdown}"
        );
    }

    /// Keys that only some audits have.
    const OPTIONAL: &[&str] = &["hosts", "redaction", "since", "trusts_names"];

    /// Holds `value` against the part of the schema that names objects and their keys.
    fn fits(schema: &Value, part: &Value, value: &Value, place: &str) {
        let part = match part["$ref"].as_str() {
            Some(reference) => schema.pointer(reference.trim_start_matches('#')).unwrap(),
            None => part,
        };
        if let (Some(known), Some(object)) = (part["properties"].as_object(), value.as_object()) {
            let keys = |map: &serde_json::Map<String, Value>| map.keys().cloned().collect::<BTreeSet<_>>();
            let optional: BTreeSet<String> = OPTIONAL.iter().map(|key| (*key).to_owned()).collect();
            assert_eq!(&keys(known) - &optional, &keys(object) - &optional, "{place}");
            let required = part["required"].as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned());
            assert_eq!(required.collect::<BTreeSet<_>>(), &keys(known) - &optional, "{place}: every key is required");
            assert!(keys(object).is_subset(&keys(known)), "{place}");
            object.iter().for_each(|(key, value)| fits(schema, &known[key], value, &format!("{place}/{key}")));
        }
        for value in value.as_array().into_iter().flatten() {
            fits(schema, &part["items"], value, &format!("{place}/[]"));
        }
        if let (Some(words), Some(word)) = (part["enum"].as_array(), value.as_str()) {
            assert!(words.iter().any(|known| known == word), "{place}: {word}");
        }
    }

    #[test]
    fn the_schema_names_every_key() {
        let schema: Value = serde_json::from_str(schema::AUDIT).unwrap();
        let key = redact::Key::parse(&"5".repeat(64)).unwrap();
        for name in ["findings", "clean"] {
            fits(&schema, &schema, &serde_json::to_value(audit(name)).unwrap(), name);
            let redacted = redact::redact(&key, &audit(name), None).unwrap();
            fits(&schema, &schema, &serde_json::to_value(redacted).unwrap(), name);
        }
    }
}
