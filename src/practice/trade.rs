//! The web shop whose runs a mixed store holds: its projects, its tasks, and the ways in which they fail.

/// The projects, the busiest first.
pub(super) const PROJECTS: [&str; 10] = [
    "storefront-web",
    "api-orders",
    "api-catalog",
    "checkout",
    "worker-mail",
    "admin-panel",
    "search-indexer",
    "infra",
    "design-system",
    "storefront-app",
];

/// A task of the trade.
pub(super) struct Step {
    pub(super) name: &'static str,
    /// What its script does, after the lines that all have.
    pub(super) body: &'static str,
    pub(super) python: bool,
    /// The longest it takes, in seconds.
    pub(super) seconds: u64,
    /// The longest its log gets, in bytes.
    pub(super) log: u64,
    pub(super) dep: Option<&'static str>,
    pub(super) output: Option<&'static str>,
    /// What it says when it fails, and with which code it ends.
    pub(super) failure: (&'static str, i32),
    /// Whether it is one of a series over items, which 1.x renders in another order each time.
    pub(super) series: bool,
}

const PLAIN: Step = Step {
    name: "",
    body: "",
    python: false,
    seconds: 20,
    log: 1500,
    dep: None,
    output: None,
    failure: ("", 1),
    series: false,
};

/// The tasks in the order in which they run.
pub(super) const STEPS: [Step; 10] = [
    Step {
        name: "lint",
        body: "npx eslint src --max-warnings 0\n",
        failure: (
            "src/cart/total.ts\n  41:7  error  'discount' is assigned a value but never used  no-unused-vars\n\n\
             1 problem (1 error, 0 warnings)\n",
            1,
        ),
        ..PLAIN
    },
    Step {
        name: "build",
        body: "npx vite build --outDir dist\n",
        seconds: 70,
        log: 3000,
        output: Some("version"),
        failure: (
            "src/checkout/address.ts(88,21): error TS2345: Argument of type 'string | undefined' is not assignable to \
             parameter of type 'string'.\n",
            2,
        ),
        ..PLAIN
    },
    Step {
        name: "test",
        body: "npx vitest run --reporter verbose\n",
        seconds: 90,
        log: 9000,
        dep: Some("build"),
        output: Some("passed"),
        failure: (
            "FAIL src/cart/total.test.ts > rounds to the cent\nAssertionError: expected 41.97 to be 41.98\n\n\
             Tests  1 failed | 211 passed (212)\n",
            1,
        ),
        ..PLAIN
    },
    Step {
        name: "e2e:chrome",
        body: "npx playwright test --project chrome\n",
        seconds: 120,
        log: 5000,
        dep: Some("build"),
        failure: (
            "Error: locator('#pay') was not visible within 5000 ms\n    at checkout.spec.ts:57:30\n\n  1 failed\n  38 passed\n",
            1,
        ),
        series: true,
        ..PLAIN
    },
    Step {
        name: "e2e:firefox",
        body: "npx playwright test --project firefox\n",
        seconds: 100,
        log: 5000,
        dep: Some("build"),
        failure: ("Error: browser closed unexpectedly: out of memory\n", 134),
        series: true,
        ..PLAIN
    },
    Step {
        name: "report",
        body: "print('lines covered:', 87.4)\n",
        python: true,
        seconds: 4,
        log: 300,
        output: Some("coverage"),
        failure: (
            "Traceback (most recent call last):\n  File \"script.py\", line 9, in <module>\nKeyError: 'coverage'\n",
            1,
        ),
        ..PLAIN
    },
    Step {
        name: "package",
        body: "tar -czf dist.tar.gz dist\n",
        seconds: 15,
        log: 800,
        dep: Some("build"),
        failure: ("tar: dist: Cannot open: No space left on device\ntar: Error is not recoverable: exiting now\n", 2),
        ..PLAIN
    },
    Step {
        name: "migrate:db",
        body: "psql \"$DATABASE_URL\" -f migrations/next.sql\n",
        seconds: 10,
        log: 600,
        failure: (
            "psql: error: connection to server at \"db.shop.internal\", port 5432 failed: Connection refused\n",
            2,
        ),
        ..PLAIN
    },
    Step {
        name: "deploy",
        body: "helm upgrade --install shop ./chart --wait --timeout 5m\n",
        seconds: 110,
        log: 1800,
        dep: Some("package"),
        failure: ("Error: UPGRADE FAILED: timed out waiting for the condition\n", 1),
        ..PLAIN
    },
    Step {
        name: "smoke",
        body: "curl --fail --silent --show-error https://shop.example/health\n",
        seconds: 6,
        log: 200,
        failure: ("curl: (22) The requested URL returned error: 503\n", 22),
        ..PLAIN
    },
];

/// A script as it stood after so many edits. Tasks of a series set three variables in one of six orders.
pub(super) fn script(project: &str, step: &Step, edits: u64, order: u64) -> String {
    if step.python {
        return format!(
            "#!/usr/bin/env python3\n# {project}: {}, edit {edits}\nfrom builtins import *\n{}",
            step.name, step.body
        );
    }
    let mut text = format!("#!/usr/bin/env bash\n# {project}: {}, edit {edits}\nset -euo pipefail\n", step.name);
    if step.series {
        const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        let item = step.name.rsplit(':').next().unwrap_or_default();
        let lines = [format!("export BROWSER='{item}'\n"), "export SHARD='1'\n".into(), "export RETRIES='2'\n".into()];
        for index in ORDERS[(order % 6) as usize] {
            text.push_str(&lines[index]);
        }
    }
    text.push_str(step.body);
    text
}
