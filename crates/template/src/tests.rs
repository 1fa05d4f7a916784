use proptest::prelude::*;

use super::*;

fn render(source: &str, values: &[(&str, &str)]) -> Result<String, RenderError> {
    Template::compile(source).expect("compiles").render(&Values(values))
}

fn missing(name: &str) -> Result<String, RenderError> {
    Err(RenderError::MissingVariable { name: name.into() })
}

/// The body of the `template_render` fuzz target.
fn fuzz_template_render(source: &str, name: &str, level: &str) {
    let Ok(template) = Template::compile(source) else { return };
    let names: Vec<String> = template.variables().map(str::to_owned).collect();
    let mut values = vec![("name", name), ("level", level)];
    values.extend(names.iter().step_by(2).map(|known| (known.as_str(), name)));
    let values = Values(&values);
    if let Ok(text) = template.render(&values) {
        assert!(text.chars().count() <= MAX_OUTPUT_CHARS);
        assert_eq!(template.render_by_engine(&values), Ok(text));
    }
}

#[test]
fn says_one_thing_to_one_group_and_another_to_the_next() {
    let source = "{{ name }}，{% if vip %}VIP专属折扣{% else %}新人首单立减{% endif %}！";
    assert_eq!(render(source, &[("name", "张三"), ("vip", "1")]).as_deref(), Ok("张三，VIP专属折扣！"));
    assert_eq!(render(source, &[("name", "李四"), ("vip", "")]).as_deref(), Ok("李四，新人首单立减！"));
    assert_eq!(render(source, &[("name", "李四")]).as_deref(), Ok("李四，新人首单立减！"));
    let source = "{% if level == '金卡' %}八折{% elif level == '银卡' %}九折{% else %}满减{% endif %}";
    assert_eq!(render(source, &[("level", "银卡")]).as_deref(), Ok("九折"));
    assert_eq!(render(source, &[]), missing("level"), "a comparison with nothing is no answer");
}

#[test]
fn never_leaves_a_hole() {
    assert_eq!(render("您好{{ 姓名 }}", &[("姓名", "张三")]).as_deref(), Ok("您好张三"));
    for values in [&[][..], &[("姓名", "")], &[("姓名", " \u{3000}\t")], &[("名", "张三")]] {
        assert_eq!(render("您好{{ 姓名 }}", values), missing("姓名"));
        assert_eq!(render("您好{{ 姓名 ~ '' }}", values), missing("姓名"), "by the engine");
        assert_eq!(render("您好{{ 姓名|default('会员') }}", values).as_deref(), Ok("您好会员"));
        assert_eq!(render("您好{{ 姓名|default('会员')|upper }}", values).as_deref(), Ok("您好会员"));
    }
    assert_eq!(render("{% if a %}{% endif %}x{{ b|upper }}", &[]), missing("b"));
    assert_eq!(render("{{ a|upper }}x{{ b|upper }}", &[("a", "q")]), missing("b"));
    assert_eq!(render("x{{ a|money }}", &[]), missing("a"));
    assert_eq!(render("x{{ a|mask }}", &[]), missing("a"));
    assert_eq!(render("x{{ a|date }}", &[]), missing("a"));
    assert_eq!(render("{% for i in items %}{{ i }}{% endfor %}x", &[]), missing("items"));
}

#[test]
fn filters_write_money_dates_and_masks() {
    let one = |source: &str, value: &str| render(source, &[("v", value)]);
    let money = [
        ("1234.5", "1,234.50"),
        ("0", "0.00"),
        ("-0.005", "-0.01"),
        ("999.995", "1,000.00"),
        ("1,234", "1,234.00"),
        ("1234567.891", "1,234,567.89"),
        ("+5.", "5.00"),
        ("-0.001", "0.00"),
    ];
    for (value, text) in money {
        assert_eq!(one("{{ v|money }}元", value), Ok(format!("{text}元")), "{value}");
    }
    for value in ["abc", "1.2.3", "1e5", "１２", ".", "12345678901234567"] {
        assert_eq!(one("{{ v|money }}元", value), Err(RenderError::BadValue { filter: "money" }), "{value}");
    }
    for value in ["2026-01-05", "2026/1/5 9:30", "20260105", "2026年1月5日", "2026-01-05T09:30:00+08:00"] {
        assert_eq!(one("{{ v|date }}", value).as_deref(), Ok("1月5日"), "{value}");
    }
    assert_eq!(one("{{ v|date('%Y-%m-%d %H:%M') }}", "2026/1/5 9:30").as_deref(), Ok("2026-01-05 09:30"));
    for value in ["明天", "2026-13-01", "2026-02-30", "05/01/2026", "99999999999-1-1"] {
        assert_eq!(one("{{ v|date }}", value), Err(RenderError::BadValue { filter: "date" }), "{value}");
    }
    assert_eq!(one("{{ v|date('%Q') }}", "2026-01-05"), Err(RenderError::BadValue { filter: "date" }));
    let masks = [
        ("13800138000", "138****8000"),
        ("张三", "张*"),
        ("欧阳修", "欧*修"),
        ("李", "*"),
        ("1234567", "123***7"),
    ];
    for (value, text) in masks {
        assert_eq!(one("{{ v|mask }}", value).as_deref(), Ok(text));
    }
    assert_eq!(one("{{ v|trim|upper }}", " ab ").as_deref(), Ok("AB"));
    assert_eq!(one("{{ v|int + 1 }}", "41").as_deref(), Ok("42"));
}

#[test]
fn bounds_work_output_and_source() {
    for source in [
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "{% for i in range(99999) %}{% set x = i %}{% endfor %}",
        "{{ 'x' * 1000000000 }}",
        "{{ range(100000)|list|length }}{{ range(100000)|list|length }}",
        "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    ] {
        assert_eq!(render(source, &[]), Err(RenderError::TooMuchWork), "{source}");
    }
    assert_eq!(render(&"鸿".repeat(1000), &[]), Ok("鸿".repeat(1000)));
    assert_eq!(render(&"鸿".repeat(1001), &[]), Err(RenderError::TooLong { chars: 1001 }));
    let long = render("{% for i in range(500) %}鸿雁{{ i }}{% endfor %}", &[]);
    assert!(matches!(long, Err(RenderError::TooLong { .. })), "{long:?}");
    let long = render("{{ v }}", &[("v", &"a".repeat(5000))]);
    assert_eq!(long, Err(RenderError::TooLong { chars: 5000 }));
    let refused = Template::compile(&"x".repeat(10_000)).expect_err("too long");
    assert_eq!(refused, TemplateError::TooLong { chars: 10_000 });
    assert!(refused.explain().zh.contains("10000"));
    assert_eq!(Template::compile(" \n").map(drop), Err(TemplateError::Empty));
    assert!(Template::compile(&"{{".repeat(2000)).is_err());
    assert!(Template::compile(&format!("{{{{ {}1 }}}}", "(".repeat(3900))).is_err(), "nesting is bounded");
}

#[test]
fn names_the_line_of_a_mistake() {
    let refused = |source: &str| Template::compile(source).map(drop).expect_err(source);
    for (source, at) in
        [("a\n{{ name", 2), ("{% if x %}", 1), ("\n\n{% endfor %}", 3), ("{% include 'x' %}", 1)]
    {
        match refused(source) {
            TemplateError::Syntax { line, .. } => assert_eq!(line, at, "{source}"),
            other => panic!("{source}: {other:?}"),
        }
    }
    for source in [
        "{% import 'x' as y %}",
        "{% extends 'x' %}",
        "{% macro f() %}{% endmacro %}",
        "{% block b %}{% endblock %}",
    ] {
        assert!(matches!(refused(source), TemplateError::Syntax { .. }), "{source}");
    }
    for source in [
        "\n{{ name|uper }}",
        "\n{{ open('x') }}",
        "\n{% if x is odder %}{% endif %}",
        "\n{% if x %}{% else %}{{ y|uper }}{% endif %}",
    ] {
        assert!(
            matches!(refused(source), TemplateError::UnknownName { line: 2, .. }),
            "{source}: {:?}",
            refused(source)
        );
    }
}

#[test]
fn lists_variables_in_order() {
    let names = |source: &str| {
        let template = Template::compile(source).expect("compiles");
        template.variables().map(str::to_owned).collect::<Vec<_>>()
    };
    let source = "{{ 姓名 }}{% if vip %}{{ amount|money }}{% endif %}{% for i in range(3) %}{{ i }}{{ loop.index }}{% endfor %}";
    assert_eq!(names(source), ["姓名", "vip", "amount"]);
    assert_eq!(names("没有变量"), Vec::<String>::new());
}

#[test]
fn advises_what_vendors_refuse() {
    let kinds = |source: &str| -> Vec<(AdviceKind, usize)> {
        Template::compile(source)
            .expect("compiles")
            .advice()
            .iter()
            .map(|advice| (advice.kind, advice.line))
            .collect()
    };
    use AdviceKind::{AdjacentVariables, BracketsInBody, OnlyVariables};
    assert_eq!(kinds("您好{{ a }}，{{ b }}"), []);
    assert_eq!(kinds("\n【鸿雁】{{ a }}好"), [(BracketsInBody, 2)]);
    assert_eq!(kinds("好{{ a }}\n{{ b }}"), [(AdjacentVariables, 2)]);
    assert_eq!(kinds("{{ a }}！"), [(OnlyVariables, 1)]);
    assert_eq!(kinds("好{% if x %}{{ a }}{% else %}{{ b }}{% endif %}"), []);
}

#[test]
fn plain_templates_do_without_the_engine() {
    for source in ["您好", "{{ a }}和{{姓名}}", "{{ a|default(\"x\") }}", "{{ a | d('') }}", "a } b { c }}"]
    {
        assert!(Template::compile(source).expect("compiles").plain.is_some(), "{source}");
    }
    for source in [
        "{{ a|upper }}",
        "{{- a }}",
        "{{ a.b }}",
        "{{ true }}",
        "{# x #}y",
        "{{ loop }}",
        "{{ a|default(b) }}",
    ] {
        assert!(Template::compile(source).expect("compiles").plain.is_none(), "{source}");
    }
}

fn piece() -> impl Strategy<Value = String> {
    let words = vec![
        "{{ a }}",
        "{{b}}",
        "{{ 姓名 }}",
        "{{ a|default('默认') }}",
        "{{ b | d(\"\") }}",
        "{{- a }}",
        "{{ a -}}",
        "{{ a|upper }}",
        "{% if a %}",
        "{% else %}",
        "{% endif %}",
        "{# c #}",
        "{{ range }}",
        "{{ none }}",
        "{{ a|default }}",
        "\n",
        "\r\n",
        "{",
        "}}",
        "'",
        "|",
        "{{ a|default('}}') }}",
        "{{ a|default('\\n') }}",
        "{{ a\u{3000}}}",
        "{{\na }}",
        "{{ a|defaults('x') }}",
        "{{ _1 }}",
    ];
    prop_oneof![4 => prop::sample::select(words).prop_map(str::to_owned), 1 => "[a-z 鸿雁，%#{}\\r\\n]{0,6}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn both_ways_render_the_same(pieces in prop::collection::vec(piece(), 0..8), a in "[ \\t鸿x<&]{0,3}", b in "[x ]{0,2}", known: bool) {
        let source = pieces.concat();
        let values = [("a", a.as_str()), ("b", b.as_str()), ("姓名", "张三"), ("range", "r"), ("_1", "u")];
        let values = Values(if known { &values } else { &values[1..3] });
        if let Ok(template) = Template::compile(&source) && template.plain.is_some() {
            prop_assert_eq!(template.render(&values), template.render_by_engine(&values));
        }
    }

    #[test]
    fn any_source_is_compiled_or_refused(source in "[{}%#|'\"a-z0-9()\\[\\]+*~=<>:,. \\n鸿-]{0,80}", name in "\\PC{0,8}") {
        fuzz_template_render(&source, &name, "1");
    }

    #[test]
    fn any_statement_is_bounded(pieces in prop::collection::vec(piece(), 0..6), name in "\\PC{0,8}") {
        fuzz_template_render(&pieces.concat(), &name, "");
    }
}
