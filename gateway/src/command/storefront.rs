//! The storefront's commands: BUY, PAY, CANCEL, RETURN and what shows them.

use crate::command::Command;
use crate::command::args::Args;
use crate::command::error::CommandError;
use crate::resp::decode::Decoder;
use stampede_engine::PlainBuy;
use stampede_engine::core::{Buy, GroupChoice, LIST_MAX, Request, Restock};

type Parsed<'a> = Result<Command<'a>, CommandError>;

/// How many groups GROUPS lists when it is not told.
const GROUPS_COUNT_DEFAULT: u32 = 100;
const _: () = assert!(GROUPS_COUNT_DEFAULT as usize <= LIST_MAX);

/// How clients write the beginning of a BUY without options.
const PLAIN_BUY: &[u8] = b"*4\r\n$3\r\nBUY\r\n";

/// The BUY without options that `bytes` begin with, and the length of its frame, at a fraction of the cost of [`buy`];
/// `None` for everything else, other ways to write the same and mistakes included.
#[inline]
pub fn plain_buy<'a>(decoder: &mut Decoder, bytes: &'a [u8]) -> Option<(PlainBuy<'a>, usize)> {
    let ([offer, buyer, id], len) = decoder.decode_known(PLAIN_BUY, bytes)?;
    Some((PlainBuy::new(bytes, offer, buyer, id)?, len))
}

/// `BUY offer buyer id …`
pub fn buy(mut args: Args<'_>) -> Parsed<'_> {
    let (offer, buyer, id) = (args.id("offer")?, args.id("buyer")?, args.id("id")?);
    let mut buy =
        Buy { offer, buyer, id, qty: 1, group: GroupChoice::Alone, tags: None, referrer: None, code: None };
    while let Some(option) = args.option(&["QTY", "GROUP", "TAGS", "REFERRER", "CODE"])? {
        match option {
            "QTY" => buy.qty = args.units("QTY")?,
            "GROUP" => buy.group = group_choice(&mut args)?,
            "TAGS" => buy.tags = Some(args.tags("TAGS")?),
            "REFERRER" => buy.referrer = Some(args.id("REFERRER")?),
            _ => buy.code = Some(args.free("CODE")?),
        }
    }
    Ok(Command::Shard(Request::Buy(buy)))
}

/// NEW and ANY are words here, in any case; a group cannot be joined by such an id.
fn group_choice<'a>(
    args: &mut Args<'a>,
) -> Result<GroupChoice<stampede_engine::core::Text<'a>>, CommandError> {
    let group = args.id("GROUP")?;
    let bytes = group.as_bytes();
    Ok(if bytes.eq_ignore_ascii_case(b"NEW") {
        GroupChoice::New
    } else if bytes.eq_ignore_ascii_case(b"ANY") {
        GroupChoice::Any
    } else {
        GroupChoice::Join(group)
    })
}

/// `PAY offer id …`
pub fn pay(mut args: Args<'_>) -> Parsed<'_> {
    let (offer, id) = (args.id("offer")?, args.id("id")?);
    let (mut amount, mut reference) = (None, None);
    while let Some(option) = args.option(&["AMOUNT", "REF"])? {
        match option {
            "AMOUNT" => amount = Some(args.amount("AMOUNT")?),
            _ => reference = Some(args.free("REF")?),
        }
    }
    Ok(Command::Shard(Request::Pay { offer, id, amount, reference }))
}

/// `CANCEL offer id`
pub fn cancel(mut args: Args<'_>) -> Parsed<'_> {
    Ok(Command::Shard(Request::Cancel { offer: args.id("offer")?, id: args.id("id")? }))
}

/// `RETURN offer id …`
pub fn give_back(mut args: Args<'_>) -> Parsed<'_> {
    let (offer, id) = (args.id("offer")?, args.id("id")?);
    let (mut qty, mut restock, mut op) = (None, Restock::Yes, None);
    while let Some(option) = args.option(&["QTY", "NORESTOCK", "OP"])? {
        match option {
            "QTY" => qty = Some(args.units("QTY")?),
            "NORESTOCK" => restock = Restock::No,
            _ => op = Some(args.id("OP")?),
        }
    }
    if qty.is_some() && op.is_none() {
        return Err(args.missing("OP"));
    }
    Ok(Command::Shard(Request::Return { offer, id, qty, restock, op }))
}

/// `SHOW offer id`
pub fn show(mut args: Args<'_>) -> Parsed<'_> {
    Ok(Command::Shard(Request::Show { offer: args.id("offer")?, id: args.id("id")? }))
}

/// `BUYER offer buyer`
pub fn buyer(mut args: Args<'_>) -> Parsed<'_> {
    Ok(Command::Shard(Request::Buyer { offer: args.id("offer")?, buyer: args.id("buyer")? }))
}

/// `GROUP offer group`
pub fn group(mut args: Args<'_>) -> Parsed<'_> {
    Ok(Command::Shard(Request::Group { offer: args.id("offer")?, group: args.id("group")? }))
}

/// `GROUPS offer [COUNT n]`
pub fn groups(mut args: Args<'_>) -> Parsed<'_> {
    let offer = args.id("offer")?;
    let mut count = GROUPS_COUNT_DEFAULT;
    while args.option(&["COUNT"])?.is_some() {
        count = args.count("COUNT")?;
    }
    Ok(Command::Shard(Request::Groups { offer, count }))
}

#[cfg(test)]
mod tests {
    use super::plain_buy;
    use crate::command::{Command, parse};
    use crate::resp::decode::{Decoder, Limits};
    use stampede_engine::Run;

    /// How a run holds a BUY that was read the quick way, and the other.
    fn read(bytes: &[u8]) -> (Option<String>, Option<String>) {
        let held = |run: Box<Run>| run.requests().next().map(|request| format!("{request:?}"));
        let mut decoder = Decoder::new(Limits::default());
        let plain = plain_buy(&mut decoder, bytes).and_then(|(buy, len)| {
            assert_eq!(len, bytes.len());
            let mut run = Run::new();
            run.push_plain_buy(&buy).expect("it fits an empty run");
            held(run)
        });
        // The same decoder, as in a connection: what was not taken the quick way is still there.
        let frame = decoder.decode(bytes).expect("it is a frame").expect("it is whole");
        let parsed = parse(frame).ok().and_then(|command| {
            let Command::Shard(request) = command else { return None };
            let mut run = Run::new();
            run.push(&request).expect("it fits an empty run");
            held(run)
        });
        (plain, parsed)
    }

    #[test]
    fn a_plain_buy_is_read_as_every_buy_is() {
        let longest = "9".repeat(64);
        for [offer, buyer, id] in
            [["sku", "alice", "r1"], ["s", "b", "r"], ["sku", &longest, "r1"], [&longest, &longest, &longest]]
        {
            let array = format!(
                "*4\r\n$3\r\nBUY\r\n${}\r\n{offer}\r\n${}\r\n{buyer}\r\n${}\r\n{id}\r\n",
                offer.len(),
                buyer.len(),
                id.len()
            );
            let (plain, parsed) = read(array.as_bytes());
            assert!(plain.is_some(), "{array}");
            assert_eq!(plain, parsed, "{array}");
        }
    }

    #[test]
    fn what_is_no_plain_buy_is_left_to_the_table() {
        let array = |args: &[&str]| {
            let bulks: Vec<String> = args.iter().map(|arg| format!("${}\r\n{arg}\r\n", arg.len())).collect();
            format!("*{}\r\n{}", args.len(), bulks.concat())
        };
        let long = "9".repeat(65);
        for (bytes, is_buy) in [
            (array(&["BUY", "sku", "alice", "r1", "QTY", "2"]), true),
            (array(&["buy", "sku", "alice", "r1"]), true),
            ("*4\r\n$03\r\nBUY\r\n$3\r\nsku\r\n$1\r\nb\r\n$1\r\nr\r\n".to_owned(), true),
            ("*4\r\n$3\r\nBUY\r\n$003\r\nsku\r\n$1\r\nb\r\n$1\r\nr\r\n".to_owned(), true),
            ("BUY sku alice r1\r\n".to_owned(), true),
            (array(&["PAY", "sku", "alice", "r1"]), false),
            (array(&["BUY", "sku", "alice"]), false),
            (array(&["BUY", "sku", "a,b", "r1"]), false),
            (array(&["BUY", "sku", "", "r1"]), false),
            (array(&["BUY", "sku", "alice", &long]), false),
        ] {
            let (plain, parsed) = read(bytes.as_bytes());
            assert_eq!(plain, None, "{bytes}");
            assert_eq!(parsed.is_some(), is_buy, "{bytes}");
        }
    }

    #[test]
    fn half_a_plain_buy_waits_for_its_rest() {
        let whole = b"*4\r\n$3\r\nBUY\r\n$3\r\nsku\r\n$5\r\nalice\r\n$2\r\nr1\r\n";
        for len in 0..whole.len() {
            let mut decoder = Decoder::new(Limits::default());
            assert!(plain_buy(&mut decoder, &whole[..len]).is_none(), "{len}");
            assert!(decoder.decode(&whole[..len]).expect("it may become a frame").is_none(), "{len}");
            // The decoder may be in the middle of it now, and then reads it to its end.
            let frame = match plain_buy(&mut decoder, whole) {
                Some((_, len)) => len,
                None => decoder.decode(whole).expect("it is a frame").expect("it is whole").bytes().len(),
            };
            assert_eq!(frame, whole.len(), "{len}");
        }
    }
}
