//! Puts in place what a run needs: offers on Stampede, stock and script on the Redis peer.
//!
//! Runs before the clock starts, over a blocking connection. Called by the subcommands and by the comparison
//! harness.

use serde_json::{Value, json};

use crate::plan::OfferPlan;
use crate::wire::WireError;
use crate::wire::client::Client;
use crate::wire::encode;
use crate::wire::frame::Head;

/// The sale as people write it for Redis: stock check, buyer set, decrement, in one script.
///
/// 1 sold, 0 sold out, -1 this buyer has one already. `ARGV[2]`, the order's id, travels along as it would in
/// production and is not stored: the peer gets the lightest honest version of its work.
pub const REDIS_SALE: &str = "local left = tonumber(redis.call('GET', KEYS[1]) or '0')
if left <= 0 then return 0 end
if redis.call('SADD', KEYS[2], ARGV[1]) == 0 then return -1 end
redis.call('DECR', KEYS[1])
return 1";

/// A plain offer: so many units at a price, held for fifteen minutes.
pub fn plain_offer(stock: u64, price: u64) -> Value {
    json!({ "price": price, "stock": stock })
}

/// A group offer: groups of `size` with long windows, so that none runs out during a run.
pub fn group_offer(stock: u64, price: u64, size: usize) -> Value {
    json!({
        "price": price,
        "stock": stock,
        "hold": "1h",
        "settle": { "group": { "size": size, "open": "1h" } },
    })
}

/// Puts one offer.
pub fn put_offer(client: &mut Client, offer: &str, definition: &Value) -> Result<(), WireError> {
    let text = definition.to_string();
    client.must(&[b"OFFER", b"PUT", offer.as_bytes(), text.as_bytes()]).map(drop)
}

/// Puts all offers of a plan; the first that is refused ends it.
pub fn put_offers(client: &mut Client, offers: &[OfferPlan]) -> Result<(), WireError> {
    let mut refused = None;
    client.ask_all(
        offers.len(),
        |index, out| {
            let definition = offers[index].definition().to_string();
            encode::command(out, &[b"OFFER", b"PUT", offers[index].id.as_bytes(), definition.as_bytes()]);
        },
        |index, frame| {
            if !matches!(frame.head(), Head::Status(b"OK") | Head::Text(b"OK")) && refused.is_none() {
                let command = format!("OFFER PUT {} {}", offers[index].id, offers[index].definition());
                refused = Some(WireError::Refused { command, answer: frame.sentence() });
            }
        },
    )?;
    refused.map_or(Ok(()), Err)
}

/// Loads the sale script into Redis, sets the stock, forgets earlier buyers, and answers the script's SHA.
pub fn put_redis_sale(
    client: &mut Client,
    stock: &str,
    buyers: &str,
    units: u64,
) -> Result<String, WireError> {
    let loaded = client.command(&[b"SCRIPT", b"LOAD", REDIS_SALE.as_bytes()])?;
    let Head::Text(sha) = loaded.frame().head() else {
        let answer = loaded.frame().sentence();
        return Err(WireError::Refused { command: "SCRIPT LOAD".into(), answer });
    };
    let sha = String::from_utf8_lossy(sha).into_owned();
    client.command(&[b"DEL", buyers.as_bytes()])?;
    client.must(&[b"SET", stock.as_bytes(), units.to_string().as_bytes()])?;
    Ok(sha)
}
