//! The recipes of docs/offers.md, run as they stand there.
//!
//! Under each `###` of the section "Recipes" stand definitions (```` ```json ID ````) and a sale (```` ```sale ````), one
//! request per line: `COMMAND … => STATUS [pair value …]`. A definition is put before the sale, or where the sale says
//! `put ID`. `after 24h` waits until the next reads answer as they should; such a recipe runs with [`DAY`] for 24h, so that
//! the waiting is short.

use redis::Value;
use stampede_gateway::config::Config;
use stampede_gateway::server::Server;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

const PAGE: &str = include_str!("../../docs/offers.md");
/// What a day is in a recipe that waits for one: long enough for its purchases, short enough for a test.
const DAY: &str = "3s";
/// How long the reads after a wait may take to answer as they should.
const PATIENCE: Duration = Duration::from_secs(20);

struct Recipe {
    name: String,
    definitions: Vec<(String, String)>,
    sale: Vec<String>,
}

fn recipes() -> Vec<Recipe> {
    let section =
        PAGE.split("\n## ").find(|section| section.starts_with("Recipes\n")).expect("the section is there");
    section.split("\n### ").skip(1).map(recipe).collect()
}

fn recipe(text: &str) -> Recipe {
    let mut recipe = Recipe {
        name: text.lines().next().unwrap_or_default().to_owned(),
        definitions: Vec::new(),
        sale: Vec::new(),
    };
    // What stands between two fences alternates between prose and blocks.
    for block in text.split("```").skip(1).step_by(2) {
        let (kind, body) = block.split_once('\n').expect("a block has lines");
        match kind.split_once(' ') {
            Some(("json", id)) => recipe.definitions.push((id.to_owned(), body.to_owned())),
            None if kind == "sale" => recipe.sale.extend(body.lines().map(str::to_owned)),
            _ => panic!("{}: a block of unknown kind: {kind}", recipe.name),
        }
    }
    recipe
}

/// The words of a line; quotes hold one together.
fn words(line: &str) -> Vec<String> {
    let quoted = line.split('"').enumerate();
    quoted
        .flat_map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

struct Shop {
    connection: redis::Connection,
}

impl Shop {
    fn visit(address: SocketAddr) -> Self {
        let client = redis::Client::open(format!("redis://{address}")).expect("an address");
        Shop { connection: client.get_connection().expect("a connection") }
    }

    fn ask(&mut self, words: &[String]) -> BTreeMap<String, String> {
        let mut command = redis::cmd(&words[0]);
        command.arg(&words[1..]);
        let answer = command.query::<Value>(&mut self.connection);
        let Value::Array(pairs) = answer.unwrap_or_else(|error| panic!("{words:?}: {error}")) else {
            panic!("{words:?} was not answered with pairs");
        };
        pairs.chunks(2).map(|pair| (text(&pair[0]), pair.get(1).map(text).unwrap_or_default())).collect()
    }

    fn put(&mut self, recipe: &Recipe, id: &str) {
        let (_, json) =
            recipe.definitions.iter().find(|(other, _)| other == id).expect("a definition of this id");
        let json = if recipe.waits() { json.replace("\"24h\"", &format!("\"{DAY}\"")) } else { json.clone() };
        let answer = self.ask(&["OFFER".into(), "PUT".into(), id.into(), json]);
        assert_eq!(answer["status"], "OK", "{}", recipe.name);
    }
}

impl Recipe {
    fn waits(&self) -> bool {
        self.sale.iter().any(|line| line == "after 24h")
    }

    fn puts(&self, id: &str) -> bool {
        self.sale.iter().any(|line| line.strip_prefix("put ") == Some(id))
    }

    fn run(&self, shop: &mut Shop) {
        for (id, _) in self.definitions.iter().filter(|(id, _)| !self.puts(id)) {
            shop.put(self, id);
        }
        let mut may_wait_until = None;
        for line in &self.sale {
            if line == "after 24h" {
                may_wait_until = Some(Instant::now() + PATIENCE);
            } else if let Some(id) = line.strip_prefix("put ") {
                shop.put(self, id);
            } else {
                self.step(shop, line, may_wait_until);
            }
        }
    }

    fn step(&self, shop: &mut Shop, line: &str, may_wait_until: Option<Instant>) {
        let (request, expected) =
            line.split_once("=>").unwrap_or_else(|| panic!("{}: no answer in {line}", self.name));
        let (request, expected) = (words(request), words(expected));
        let reads = ["SHOW", "GROUP", "POOL"].contains(&request[0].as_str());
        loop {
            let answer = shop.ask(&request);
            if is_as_expected(&answer, &expected) {
                return;
            }
            let may_wait = reads && may_wait_until.is_some_and(|end| Instant::now() < end);
            assert!(may_wait, "{}: {line}\nwas answered with {answer:?}", self.name);
            Handle::current().block_on(sleep(Duration::from_millis(20)));
        }
    }
}

fn is_as_expected(answer: &BTreeMap<String, String>, expected: &[String]) -> bool {
    let pairs: HashMap<&str, &str> =
        expected[1..].chunks(2).map(|pair| (pair[0].as_str(), pair[1].as_str())).collect();
    answer["status"] == expected[0]
        && pairs.iter().all(|(name, value)| answer.get(*name).is_some_and(|v| v == value))
}

fn text(value: &Value) -> String {
    match value {
        Value::Int(number) => number.to_string(),
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) => text.clone(),
        other => format!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recipe_sells_as_it_says() {
    let server = Server::start(Config::on_free_ports()).await.expect("the server starts");
    let address = server.local_addr();
    let recipes = recipes();
    assert!(recipes.len() >= 12, "only {} recipes were found", recipes.len());
    let tasks: Vec<_> = recipes
        .into_iter()
        .map(|recipe| {
            spawn_blocking(move || {
                recipe.run(&mut Shop::visit(address));
                recipe.sale.len()
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.expect("the recipe holds") > 2, "a recipe has next to no sale");
    }
    let audit = spawn_blocking(move || Shop::visit(address).ask(&["AUDIT".into()]));
    assert_eq!(audit.await.expect("an answer")["status"], "OK");
    server.shutdown().await;
}

#[test]
fn the_file_of_offers_in_the_documentation_is_taken() {
    let file =
        PAGE.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a TOML block");
    let offers = stampede_gateway::offer_text::parse_toml_file(file).expect("it is well defined");
    assert_eq!(offers.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["{night}phone", "{night}team"]);
}
