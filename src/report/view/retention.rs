//! The policy in force and what another would do, as `otto retention --json` has them.

use crate::clean::{Plan, ProjectPlan};
use crate::model::Size;
use crate::retention::{Config, KeyChange, Policy, Stated, StoreSetting};
use serde::Serialize;
use std::path::Path;

/// The policy of every project.
#[derive(Clone, Debug, Serialize)]
pub struct Retention {
    schema: &'static str,
    default: Vec<RuleItem>,
    projects: Vec<ProjectItem>,
    budgets: Vec<SettingItem>,
    store: Vec<SettingItem>,
    simulation: Option<Simulation>,
    config: Option<ConfigItem>,
}

#[derive(Clone, Debug, Serialize)]
struct ProjectItem {
    project: String,
    text: String,
    rules: Vec<RuleItem>,
}

#[derive(Clone, Debug, Serialize)]
struct RuleItem {
    key: &'static str,
    value: String,
    source: String,
}

/// What holds for the store as a whole.
#[derive(Clone, Debug, Serialize)]
struct SettingItem {
    key: &'static str,
    value: Option<String>,
    source: &'static str,
}

/// What became of the rules that were to be written.
#[derive(Clone, Debug, Serialize)]
struct ConfigItem {
    path: String,
    written: bool,
    changes: Vec<ChangeItem>,
    lines: Option<String>,
    reason: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct ChangeItem {
    key: String,
    before: Option<String>,
    after: String,
}

/// What two policies let go.
#[derive(Clone, Debug, Serialize)]
struct Simulation {
    configured: Side,
    simulated: Side,
    goes_only_if_configured: Vec<String>,
    goes_only_if_simulated: Vec<String>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Side {
    runs: u64,
    size_bytes: u64,
    disk_bytes: u64,
}

impl Retention {
    /// The policies that a plan was made by, beside that of a project without rules of its own, and what `config.yml`
    /// states of the store.
    pub fn new(default: &Policy, projects: &[ProjectPlan], config: &Config) -> Self {
        let project = |plan: &ProjectPlan| ProjectItem {
            project: plan.project.dir.lossy(),
            text: plan.policy.to_string(),
            rules: rules(&plan.policy),
        };
        Self {
            schema: "otto.retention/1",
            default: rules(default),
            projects: projects.iter().map(project).collect(),
            budgets: config.stated_budgets().map(SettingItem::new).into(),
            store: config.stated_of_store().map(SettingItem::new).into(),
            simulation: None,
            config: None,
        }
    }

    /// The same with what another policy would do.
    pub fn with_simulation(self, configured: &Plan, simulated: &Plan) -> Self {
        let side = |plan: &Plan| {
            let Size { size, disk } = plan.removes.size;
            Side { runs: plan.removes.count, size_bytes: size, disk_bytes: disk }
        };
        let simulation = Simulation {
            configured: side(configured),
            simulated: side(simulated),
            goes_only_if_configured: only_in(configured, simulated),
            goes_only_if_simulated: only_in(simulated, configured),
        };
        Self { simulation: Some(simulation), ..self }
    }

    /// The same with the keys of `config.yml` that were changed, or would be.
    pub fn with_changes(self, path: &Path, changes: &[KeyChange], written: bool) -> Self {
        let change = |change: &KeyChange| ChangeItem {
            key: change.key.clone(),
            before: change.before.clone(),
            after: change.after.clone(),
        };
        let changes = changes.iter().map(change).collect();
        let path = path.to_string_lossy().into_owned();
        Self { config: Some(ConfigItem { path, written, changes, lines: None, reason: None }), ..self }
    }

    /// The same with the lines that were not written, and why.
    pub fn with_lines(self, path: &Path, lines: &str, reason: &str) -> Self {
        let (path, lines) = (path.to_string_lossy().into_owned(), Some(lines.to_owned()));
        let reason = Some(reason.to_owned());
        Self { config: Some(ConfigItem { path, written: false, changes: Vec::new(), lines, reason }), ..self }
    }
}

/// The rules in force, one after the other.
#[derive(Clone, Debug, Serialize)]
pub struct RetentionRows<'a> {
    rules: Vec<RuleRow<'a>>,
}

/// A rule with whom it is for: a `project`; every project without rules of its own, `default`; or the `store` as a whole.
#[derive(Clone, Debug, Serialize)]
struct RuleRow<'a> {
    scope: &'static str,
    project: Option<&'a str>,
    key: &'static str,
    value: Option<&'a str>,
    source: &'a str,
}

impl Retention {
    /// What is in force, a rule a row: of projects without rules of their own, of each project, of the store.
    pub fn rows(&self) -> RetentionRows<'_> {
        fn row<'a>(scope: &'static str, project: Option<&'a str>, rule: &'a RuleItem) -> RuleRow<'a> {
            RuleRow { scope, project, key: rule.key, value: Some(&rule.value), source: &rule.source }
        }
        let of_projects = self
            .projects
            .iter()
            .flat_map(|project| project.rules.iter().map(|rule| row("project", Some(&project.project), rule)));
        let default = self.default.iter().map(|rule| row("default", None, rule));
        let store = self.budgets.iter().chain(&self.store).map(SettingItem::row);
        RetentionRows { rules: default.chain(of_projects).chain(store).collect() }
    }
}

impl SettingItem {
    fn row(&self) -> RuleRow<'_> {
        RuleRow { scope: "store", project: None, key: self.key, value: self.value.as_deref(), source: self.source }
    }

    fn new(setting: StoreSetting) -> Self {
        Self { key: setting.key(), source: setting.source(), value: setting.value }
    }
}

fn rules(policy: &Policy) -> Vec<RuleItem> {
    let item = |Stated { rule, value, source }| RuleItem { key: rule.key(), value, source };
    policy.stated().into_iter().map(item).collect()
}

/// The runs that go by one plan and stay by another.
pub fn only_in(one: &Plan, other: &Plan) -> Vec<String> {
    let others: std::collections::HashSet<i64> = other.runs.iter().map(|run| run.key).collect();
    one.runs.iter().filter(|run| !others.contains(&run.key)).map(|run| run.id.to_string()).collect()
}
