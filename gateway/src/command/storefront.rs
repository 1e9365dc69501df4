//! The storefront's commands: BUY, PAY, CANCEL, RETURN and what shows them.

use crate::command::Command;
use crate::command::args::Args;
use crate::command::error::CommandError;
use stampede_engine::core::{Buy, GroupChoice, LIST_MAX, Request, Restock};

type Parsed<'a> = Result<Command<'a>, CommandError>;

/// How many groups GROUPS lists when it is not told.
const GROUPS_COUNT_DEFAULT: u32 = 100;
const _: () = assert!(GROUPS_COUNT_DEFAULT as usize <= LIST_MAX);

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
