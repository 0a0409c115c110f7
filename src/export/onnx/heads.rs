//! Heads as nodes of a graph: from a row of features to each model's probability and tokens.
//!
//! The same arithmetic as `weighbridge_router` does in 64 bits, here in 32 but for the calibration
//! of a mean, whose log-odds need more near certainty. Each head's own calibration is folded into
//! its weights, or leaves.

use weighbridge_router::{LogLinear, Logistic, Mean, Router, Shrink, Success, Tree, Trees};

use super::graph::{self, DOUBLE, Graph, Name};

/// Where `log_linear/1` cuts its exponent, and `mean/1` its mean.
const MAX_LOG_TOKENS: f32 = 20.0;
const EDGE: f64 = 1e-9;

/// Builds the graph for the heads of one router.
struct Builder<'r> {
    graph: Graph,
    router: &'r Router,
}

/// The graph of all heads, with outputs `success` and `output_tokens`, a column a model in the
/// order of the file.
pub(super) fn graph(router: &Router) -> Graph {
    let mut builder = Builder {
        graph: Graph::default(),
        router,
    };
    let (mut success, mut tokens) = (Vec::new(), Vec::new());
    for (i, heads) in router.heads().iter().enumerate() {
        let place = format!("model_{i}");
        success.push(builder.success(&format!("{place}/success"), &heads.success));
        tokens.push(builder.tokens(&format!("{place}/output_tokens"), &heads.output_tokens));
    }
    match &router.parts().shrink {
        None => builder.side_by_side("success", &success),
        Some(shrink) => {
            let said = builder.side_by_side("success/unshrunk", &success);
            builder.shrunk(&said, shrink)
        }
    };
    builder.side_by_side("output_tokens", &tokens);
    let Builder { mut graph, .. } = builder;
    for output in ["success", "output_tokens"] {
        graph.output(output, router.heads().len());
    }
    graph
}

impl Builder<'_> {
    /// The probability of a model, a column of floats.
    fn success(&mut self, name: &str, head: &Success) -> Name {
        match head {
            Success::Mean(mean) => self.mean(name, mean),
            single => {
                let logit = self.logit(name, single);
                self.graph.node(name, "Sigmoid", &[&logit], &[])
            }
        }
    }

    /// The calibrated score of a head that is no mean.
    fn logit(&mut self, name: &str, head: &Success) -> Name {
        match head {
            Success::Logistic(head) => self.logistic(name, head),
            Success::Trees(head) => self.trees(name, head),
            // The router's own check refuses a mean of means.
            Success::Mean(_) => unreachable!("a mean of means"),
        }
    }

    /// `a (w x + c) + b` = `(a w) x + (a c + b)`.
    fn logistic(&mut self, name: &str, head: &Logistic) -> Name {
        let [slope, offset] = head.platt;
        let weights: Vec<f32> = scaled(&head.weights, slope);
        self.linear(name, &weights, slope * head.bias + offset)
    }

    fn linear(&mut self, name: &str, weights: &[f32], bias: f64) -> Name {
        let width = weights.len();
        let weights = self
            .graph
            .floats(format!("{name}/weights"), &[1, width], weights);
        let bias = self
            .graph
            .floats(format!("{name}/bias"), &[1], &[bias as f32]);
        let attributes = [graph::int("transB", 1)];
        let inputs = ["features", &weights, &bias];
        self.graph
            .node(format!("{name}/score"), "Gemm", &inputs, &attributes)
    }

    /// Splits ask `x <= at_most`, and so does `BRANCH_LEQ`. Their thresholds are 32-bit floats as
    /// they stand: a feature that is rounded *up* to 32 bits goes the way that it went in 64.
    fn trees(&mut self, name: &str, head: &Trees) -> Name {
        let [slope, offset] = head.platt;
        let mut table = Table::default();
        for (number, tree) in (0..).zip(&head.trees) {
            table.add(number, tree, slope);
        }
        if head.trees.is_empty() {
            // The operator wants a tree.
            table.add(0, &leaf(0.0), slope);
        }
        let bias = (slope * head.bias + offset) as f32;
        self.graph.trees(
            format!("{name}/score"),
            &["features"],
            &table.attributes(bias),
        )
    }

    /// The mean of the members' probabilities, and its own calibration by log-odds.
    fn mean(&mut self, name: &str, head: &Mean) -> Name {
        let mut sum: Option<Name> = None;
        for (i, member) in head.of.iter().enumerate() {
            let place = format!("{name}/of_{i}");
            let logit = self.logit(&place, member);
            let wide = self.cast(format!("{place}/wide"), &logit, DOUBLE);
            let said = self.graph.node(place, "Sigmoid", &[&wide], &[]);
            sum = Some(match sum {
                None => said,
                Some(before) => {
                    let sum = format!("{name}/sum_{i}");
                    self.graph.node(sum, "Add", &[&before, &said], &[])
                }
            });
        }
        let count = self
            .graph
            .double(format!("{name}/count"), head.of.len() as f64);
        let sum = sum.unwrap_or_default();
        let mean = format!("{name}/mean");
        let mut q = self.graph.node(mean, "Div", &[&sum, &count], &[]);
        if head.platt != [1.0, 0.0] {
            q = self.recalibrated(name, &q, head.platt);
        }
        self.cast(name.to_owned(), &q, graph::FLOAT)
    }

    /// `sigmoid(a ln(q / (1 - q)) + b)`, with q kept off certainty; in 64 bits.
    fn recalibrated(&mut self, name: &str, q: &str, [slope, offset]: [f64; 2]) -> Name {
        let at = |part: &str| format!("{name}/{part}");
        let constants = [
            ("edge", EDGE),
            ("other_edge", 1.0 - EDGE),
            ("one", 1.0),
            ("slope", slope),
            ("offset", offset),
        ];
        let [edge, other, one, slope, offset] =
            constants.map(|(part, value)| self.graph.double(at(part), value));
        let mut node = |part: &str, operator: &str, inputs: &[&str]| {
            self.graph.node(at(part), operator, inputs, &[])
        };
        let q = node("cut", "Clip", &[q, &edge, &other]);
        let rest = node("rest", "Sub", &[&one, &q]);
        let odds = node("odds", "Div", &[&q, &rest]);
        let log = node("log_odds", "Log", &[&odds]);
        let steep = node("steep", "Mul", &[&log, &slope]);
        let moved = node("moved", "Add", &[&steep, &offset]);
        node("calibrated", "Sigmoid", &[&moved])
    }

    /// `smearing * exp(min(z, 20))`, a column of floats.
    fn tokens(&mut self, name: &str, head: &LogLinear) -> Name {
        let log = self.linear(name, &head.weights, head.bias);
        let top = self
            .graph
            .floats(format!("{name}/top"), &[], &[MAX_LOG_TOKENS]);
        let smearing = self
            .graph
            .floats(format!("{name}/smearing"), &[], &[head.smearing as f32]);
        let cut = self
            .graph
            .node(format!("{name}/cut"), "Min", &[&log, &top], &[]);
        let tokens = self.graph.node(format!("{name}/exp"), "Exp", &[&cut], &[]);
        self.graph.node(name, "Mul", &[&tokens, &smearing], &[])
    }

    /// Columns of one number each as one row.
    fn side_by_side(&mut self, name: &str, columns: &[Name]) -> Name {
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        self.graph
            .node(name, "Concat", &columns, &[graph::int("axis", 1)])
    }

    /// Differences between models taken back towards their means: `Shrink`.
    fn shrunk(&mut self, said: &str, shrink: &Shrink) -> Name {
        let models = self.router.heads().len();
        let centres: Vec<f32> = shrink.centres.iter().map(|&c| c as f32).collect();
        let centres = self.graph.floats("shrink/centres", &[1, models], &centres);
        let constants = [
            ("factor", shrink.factor as f32),
            ("least", 0.0),
            ("most", 1.0),
        ];
        let [factor, least, most] = constants
            .map(|(part, value)| self.graph.floats(format!("shrink/{part}"), &[], &[value]));
        let graph = &mut self.graph;
        let axes = [graph::ints("axes", &[1]), graph::int("keepdims", 1)];
        let away = graph.node("shrink/away", "Sub", &[said, &centres], &[]);
        let shared = graph.node("shrink/shared", "ReduceMean", &[&away], &axes);
        let own = graph.node("shrink/own", "Sub", &[&away, &shared], &[]);
        let left = graph.node("shrink/left", "Mul", &[&own, &factor], &[]);
        let common = graph.node("shrink/common", "Add", &[&centres, &shared], &[]);
        let all = graph.node("shrink/all", "Add", &[&common, &left], &[]);
        graph.node("success", "Clip", &[&all, &least, &most], &[])
    }

    fn cast(&mut self, name: Name, value: &str, to: i64) -> Name {
        self.graph
            .node(name, "Cast", &[value], &[graph::int("to", to)])
    }
}

/// Weights times a factor, rounded once.
fn scaled(weights: &[f32], factor: f64) -> Vec<f32> {
    weights
        .iter()
        .map(|&weight| (f64::from(weight) * factor) as f32)
        .collect()
}

fn leaf(value: f32) -> Tree {
    Tree {
        splits: Vec::new(),
        leaves: vec![value],
    }
}

/// The trees of a head as the columns of a table, a row a node, as the operator wants them.
#[derive(Default)]
struct Table {
    tree: Vec<i64>,
    node: Vec<i64>,
    column: Vec<i64>,
    mode: Vec<&'static str>,
    value: Vec<f32>,
    low: Vec<i64>,
    high: Vec<i64>,
    leaf_tree: Vec<i64>,
    leaf_node: Vec<i64>,
    leaf: Vec<f32>,
}

impl Table {
    /// A tree: its splits, then its leaves, numbered from 0.
    fn add(&mut self, number: i64, tree: &Tree, slope: f64) {
        let splits = tree.splits.len() as i64;
        // A branch below 0 is a leaf: -1 the first.
        let node = |branch: i32| match i64::from(branch) {
            split @ 0.. => split,
            leaf => splits - 1 - leaf,
        };
        for (place, split) in (0..).zip(&tree.splits) {
            let column = i64::from(split.column);
            let branches = (node(split.low), node(split.high));
            self.row(number, place, "BRANCH_LEQ", column, split.at_most, branches);
        }
        for (place, value) in (splits..).zip(scaled(&tree.leaves, slope)) {
            self.row(number, place, "LEAF", 0, 0.0, (0, 0));
            self.leaf_tree.push(number);
            self.leaf_node.push(place);
            self.leaf.push(value);
        }
    }

    fn row(
        &mut self,
        tree: i64,
        node: i64,
        mode: &'static str,
        column: i64,
        value: f32,
        (low, high): (i64, i64),
    ) {
        self.tree.push(tree);
        self.node.push(node);
        self.mode.push(mode);
        self.column.push(column);
        self.value.push(value);
        self.low.push(low);
        self.high.push(high);
    }

    fn attributes(&self, bias: f32) -> [super::wire::Message; 15] {
        let zeros = vec![0; self.tree.len()];
        [
            graph::text("aggregate_function", "SUM"),
            graph::floats("base_values", &[bias]),
            graph::int("n_targets", 1),
            graph::ints("nodes_falsenodeids", &self.high),
            graph::ints("nodes_featureids", &self.column),
            graph::ints("nodes_missing_value_tracks_true", &zeros),
            graph::texts("nodes_modes", &self.mode),
            graph::ints("nodes_nodeids", &self.node),
            graph::ints("nodes_treeids", &self.tree),
            graph::ints("nodes_truenodeids", &self.low),
            graph::floats("nodes_values", &self.value),
            graph::ints("target_ids", &vec![0; self.leaf.len()]),
            graph::ints("target_nodeids", &self.leaf_node),
            graph::ints("target_treeids", &self.leaf_tree),
            graph::floats("target_weights", &self.leaf),
        ]
    }
}
