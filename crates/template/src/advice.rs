//! What the template rules of carriers and vendors would say. Warnings: the rules differ and change.

use text::Bilingual;

/// One piece of advice on a template.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Advice {
    /// What it is about.
    pub kind: AdviceKind,
    /// Line of the source, from 1.
    pub line: usize,
}

/// What advice can be about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AdviceKind {
    /// 【】 in the body, where carriers look for the signature.
    BracketsInBody,
    /// No fixed text at all.
    OnlyVariables,
    /// Two variables with nothing between them.
    AdjacentVariables,
}

impl AdviceKind {
    /// A stable word for the API.
    pub fn code(self) -> &'static str {
        match self {
            AdviceKind::BracketsInBody => "brackets_in_body",
            AdviceKind::OnlyVariables => "only_variables",
            AdviceKind::AdjacentVariables => "adjacent_variables",
        }
    }

    /// What to tell the author.
    pub fn explain(self) -> Bilingual {
        let (zh, en) = match self {
            AdviceKind::BracketsInBody => (
                "正文中不要使用【】：运营商会把它当作签名",
                "no 【】 in the body: carriers take it for the signature",
            ),
            AdviceKind::OnlyVariables => {
                ("模板不能全是变量：运营商会拒绝", "a template of variables only is refused by carriers")
            }
            AdviceKind::AdjacentVariables => (
                "两个变量之间要有固定文字：否则报备会被拒绝",
                "put fixed text between two variables: filing is refused otherwise",
            ),
        };
        Bilingual { zh: zh.into(), en: en.into() }
    }
}

pub(super) fn advise(source: &str) -> Vec<Advice> {
    let mut advice = Vec::new();
    let mut has_text = false;
    // Whether a variable was written since the last fixed text; a statement or comment changes nothing.
    let mut after_variable = false;
    let mut rest = source;
    let line_of = |rest: &str| 1 + source[..source.len() - rest.len()].matches('\n').count();
    while !rest.is_empty() {
        let literal = rest.find("{{").into_iter().chain(rest.find("{%")).chain(rest.find("{#")).min();
        let (text, tag) = rest.split_at(literal.unwrap_or(rest.len()));
        if let Some(at) = text.find(['【', '】']) {
            advice.push(Advice { kind: AdviceKind::BracketsInBody, line: line_of(&rest[at..]) });
        }
        if !text.trim().is_empty() {
            has_text |= text.chars().any(char::is_alphanumeric);
            after_variable = false;
        }
        let Some(closer) = tag.get(..2).and_then(closer_of) else { break };
        if closer == "}}" {
            if after_variable {
                advice.push(Advice { kind: AdviceKind::AdjacentVariables, line: line_of(tag) });
            }
            after_variable = true;
        } else if closer == "%}" {
            // The two sides of a branch are alternatives, not neighbours.
            after_variable = false;
        }
        let end = tag.find(closer).map_or(tag.len(), |at| at + closer.len());
        rest = &tag[end..];
    }
    if !has_text {
        advice.push(Advice { kind: AdviceKind::OnlyVariables, line: 1 });
    }
    advice
}

fn closer_of(opener: &str) -> Option<&'static str> {
    match opener {
        "{{" => Some("}}"),
        "{%" => Some("%}"),
        "{#" => Some("#}"),
        _ => None,
    }
}
