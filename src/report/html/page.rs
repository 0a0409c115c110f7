//! The shell of a page: its head with the security policy, its parts in order, its foot.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::markup::{id, text};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("page.js");

/// Who a part of the page is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// Whoever opens it.
    Everybody,
    /// Who answers for money and quality.
    Manager,
    /// Who builds and runs it.
    Architect,
}

/// A page in the making.
#[derive(Debug, Default)]
pub(super) struct Page {
    title: String,
    kind: String,
    body: String,
    contents: String,
    readings: bool,
}

impl Page {
    /// A page of that title; `kind` says in a few words what it is the result of.
    pub(super) fn new(title: &str, kind: &str) -> Self {
        Self {
            title: title.to_owned(),
            kind: kind.to_owned(),
            ..Self::default()
        }
    }

    /// A part with a heading and what it is about; `inner` is markup.
    pub(super) fn section(&mut self, reader: Reader, heading: &str, about: &str, inner: &str) {
        if inner.is_empty() {
            return;
        }
        let (class, who) = match reader {
            Reader::Everybody => ("", ""),
            Reader::Manager => (" manager", "Portfolio manager"),
            Reader::Architect => (" architect", "Architect"),
        };
        self.readings |= reader != Reader::Everybody;
        let (id, heading, about) = (id("part", heading), text(heading), text(about));
        let who = if who.is_empty() {
            String::new()
        } else {
            format!(r#"<p class="who">{who}</p>"#)
        };
        let about = if about.is_empty() {
            String::new()
        } else {
            format!(r#"<p class="about">{about}</p>"#)
        };
        // Writing to memory does not fail.
        let _ = write!(
            self.body,
            r#"<section class="part{class}" id="{id}"><header>{who}<h2>{heading}</h2>{about}</header>{inner}</section>"#
        );
        let _ = write!(
            self.contents,
            r##"<li class="{class}"><a href="#{id}">{heading}</a></li>"##
        );
    }

    /// Markup of a shape of its own: the decision, the sliders.
    pub(super) fn raw(&mut self, markup: &str) {
        self.body.push_str(markup);
    }

    /// The whole file. `command` makes the page again.
    pub(super) fn finish(&self, command: &str) -> String {
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'",
            hash(STYLE),
            hash(SCRIPT)
        );
        let (title, kind) = (text(&self.title), text(&self.kind));
        format!(
            r##"<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">
<title>{title}</title><link rel="icon" href="data:,">
<style>{STYLE}</style></head>
<body><a class="skip" href="#main">To the decision</a>
<header class="mast"><span class="brand">Weighbridge</span><span class="kind">{kind}</span></header>
{switch}
<main id="main">{body}</main>
<footer><p>Made by weighbridge {version}. Nothing on this page was loaded from anywhere. To make it again:</p>
<pre class="cmd"><code>{command}</code></pre></footer>
<script>{SCRIPT}</script></body></html>
"##,
            switch = self.switch(),
            body = self.body,
            version = env!("CARGO_PKG_VERSION"),
            command = text(command),
        )
    }

    /// Which reading is shown, by the style sheet alone; and what is on the page.
    fn switch(&self) -> String {
        let readings = [
            ("both", "Everything", " checked"),
            ("manager", "Portfolio manager", ""),
            ("architect", "Architect", ""),
        ];
        let mut switch = String::from(r#"<nav class="bar" aria-label="On this page">"#);
        if self.readings {
            switch.push_str(r#"<fieldset class="readings"><legend>Read as</legend>"#);
            for (value, label, checked) in readings {
                let _ = write!(
                    switch,
                    r#"<label><input type="radio" name="reading" id="read-{value}"{checked}><span>{label}</span></label>"#
                );
            }
            switch.push_str("</fieldset>");
        }
        let _ = write!(
            switch,
            r#"<ul class="contents">{}</ul></nav>"#,
            self.contents
        );
        switch
    }
}

fn hash(content: &str) -> String {
    STANDARD.encode(Sha256::digest(content))
}
