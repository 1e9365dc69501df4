//! The fields of an offer as they are written: names, kinds, descriptions.
//!
//! The one definition for JSON, TOML, the JSON schema and the table in the documentation. Ranges are checked where the
//! raw fields become an offer. A field left out and a field that is null are the same; the fields of later versions
//! are listed here as [`NotYet`], so that they are refused by name wherever they stand.

use super::values::{Duration, Instant, NotYet, Word};
use crate::field_error::Table;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use stampede_engine::core::{
    ADMISSION_TAGS_MAX, FREE_BYTES_MAX, GROUP_SIZE_MAX, Late, ORDER_UNITS_MAX, POOL_UNITS_MAX, PRICE_MAX,
    Reserve, TAKES_MAX, TITLE_BYTES_MAX,
};
use std::borrow::Cow;
use std::fmt;

/// An offer: what is sold, when, to whom, at what price, and when a purchase becomes final.
#[derive(Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Offer", extend("oneOf" = [
    {"required": ["stock"], "properties": {"stock": {"type": "integer"}}},
    {"required": ["takes"], "properties": {"takes": {"type": "array", "minItems": 1}}},
]))]
pub(super) struct RawOffer {
    /// For people. At most 1,024 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = TITLE_BYTES_MAX))]
    pub(super) title: Option<String>,
    /// When selling begins. Left out: at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) opens: Option<Instant>,
    /// When selling ends; later than `opens`. Left out: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) closes: Option<Instant>,
    /// Units of a new pool named like the offer; each unit bought takes one. Either `stock` or `takes` is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = POOL_UNITS_MAX - 1))]
    pub(super) stock: Option<u64>,
    /// The pools that each unit bought takes from, all or nothing. Pools of the same campaign that exist already.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = TAKES_MAX))]
    pub(super) takes: Option<Vec<Table<RawTake>>>,
    /// How many units one may have. Held, paid and won units count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) limit: Option<Table<RawLimit>>,
    /// Who may buy. Left out: everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) admit: Option<Table<RawAdmission>>,
    /// Price per unit: cash in minor units, or cash and points. 0 is free.
    pub(super) price: RawPrice,
    /// Price per unit of buying without a group, on an offer with `settle.group`. Left out: a group is required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) alone: Option<RawPrice>,
    /// How long an unpaid reservation is held, from its acceptance; in a group never beyond the group's deadline.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "15m"))]
    pub(super) hold: Option<Duration>,
    /// What a payment after the deadline does: `refund` owes it back; `retake` takes the units again if everything is
    /// still free, else owes it back.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "Late::read",
        serialize_with = "Late::write"
    )]
    #[schemars(schema_with = "late_schema", extend("default" = "refund"))]
    pub(super) late: Option<Late>,
    /// When a paid reservation becomes final: `now`, or when its group forms.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "now"))]
    pub(super) settle: Option<RawSettle>,

    #[serde(default, skip_serializing, deserialize_with = "NotYet::refuse")]
    #[schemars(skip)]
    pub(super) options: Option<NotYet>,
    #[serde(default, skip_serializing, deserialize_with = "NotYet::refuse")]
    #[schemars(skip)]
    pub(super) zone: Option<NotYet>,
    #[serde(default, skip_serializing, deserialize_with = "NotYet::refuse")]
    #[schemars(skip)]
    pub(super) remind: Option<NotYet>,
    #[serde(default, skip_serializing, deserialize_with = "NotYet::refuse")]
    #[schemars(skip)]
    pub(super) waitlist: Option<NotYet>,
    #[serde(default, skip_serializing, deserialize_with = "NotYet::refuse")]
    #[schemars(skip)]
    pub(super) shuffle: Option<NotYet>,
    #[serde(default, skip_serializing, deserialize_with = "NotYet::refuse")]
    #[schemars(skip)]
    pub(super) grants: Option<NotYet>,
    #[serde(default, skip_serializing, deserialize_with = "NotYet::refuse")]
    #[schemars(skip)]
    pub(super) rebate: Option<NotYet>,
}

/// Units of one pool per unit bought.
#[derive(Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Take")]
pub(super) struct RawTake {
    /// The pool's id; of the offer's campaign.
    pub(super) pool: Id,
    /// Units of it per unit bought.
    #[schemars(range(min = 1, max = ORDER_UNITS_MAX))]
    pub(super) units: u32,
}

/// Upper bounds, in units. A bound left out does not bind.
#[derive(Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Limit")]
pub(super) struct RawLimit {
    /// Units of one order, at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub(super) order: Option<u32>,
    /// Units of one buyer on this offer, at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub(super) buyer: Option<u32>,
    /// Units of one buyer over all offers of the campaign, at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub(super) campaign: Option<u32>,

    #[serde(default, skip_serializing, deserialize_with = "NotYet::refuse")]
    #[schemars(skip)]
    pub(super) period: Option<NotYet>,
    #[serde(default, skip_serializing, deserialize_with = "NotYet::refuse")]
    #[schemars(skip)]
    pub(super) abandoned: Option<NotYet>,
}

/// Who may buy; every part that is given must hold.
#[derive(Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Admission")]
pub(super) struct RawAdmission {
    /// Tags that the buyer must all have. At most 64.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = ADMISSION_TAGS_MAX))]
    pub(super) all: Option<Vec<Id>>,
    /// Tags of which the buyer must have at least one. At most 64; an empty list asks for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = ADMISSION_TAGS_MAX))]
    pub(super) any: Option<Vec<Id>>,
    /// Tags that the buyer must not have. At most 64.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = ADMISSION_TAGS_MAX))]
    pub(super) none: Option<Vec<Id>>,
    /// A pass-phrase that the intent must carry as CODE. 1 to 256 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = FREE_BYTES_MAX))]
    pub(super) code: Option<String>,
    /// `[from, to]` in percent: admits the buyers whose stable hash with the offer's id falls into from ≤ x < to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "cohort_schema")]
    pub(super) cohort: Option<Vec<u8>>,
}

/// How groups form.
#[derive(Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Group")]
pub(super) struct RawGroup {
    /// Seats of a group.
    #[schemars(range(min = 2, max = GROUP_SIZE_MAX))]
    pub(super) size: u32,
    /// How long a group may take to form, from its opening.
    pub(super) open: Duration,
    /// Paid seats with which a group forms at its deadline, at most `size`. Left out: only a full group forms.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = GROUP_SIZE_MAX))]
    pub(super) min: Option<u32>,
    /// Who may join, on top of the offer's `admit`; the leader need not pass it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) join: Option<Table<RawAdmission>>,
    /// Whether a group at its deadline takes in later groups of the offer to become full. Needs a size of at most 1,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub(super) merge: Option<bool>,
    /// Whether a paid member may CANCEL before the group forms, and is owed the payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub(super) leave: Option<bool>,
    /// When units are taken: `seat` by seat, or for the whole `group` when it opens; `group` needs `limit.order` 1.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "Reserve::read",
        serialize_with = "Reserve::write"
    )]
    #[schemars(schema_with = "reserve_schema", extend("default" = "seat"))]
    pub(super) reserve: Option<Reserve>,
    /// GROUP ANY passes over groups with less time than this to go. Left out: the hold, at most half of `open`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) any_min_left: Option<Duration>,

    #[serde(default, skip_serializing, deserialize_with = "NotYet::refuse")]
    #[schemars(skip)]
    pub(super) tiers: Option<NotYet>,
    #[serde(default, skip_serializing, deserialize_with = "NotYet::refuse")]
    #[schemars(skip)]
    pub(super) draw: Option<NotYet>,
}

/// An id of a pool, or a tag.
#[derive(Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(transparent)]
pub(super) struct Id(pub(super) String);

impl JsonSchema for Id {
    fn schema_name() -> Cow<'static, str> {
        "Id".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^[!-+\--~]{1,64}$",
            "description": "1 to 64 bytes of printable ASCII without space or comma.",
        })
    }
}

impl<T: JsonSchema> JsonSchema for Table<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

fn late_schema(_: &mut SchemaGenerator) -> Schema {
    word_schema::<Late>()
}

fn reserve_schema(_: &mut SchemaGenerator) -> Schema {
    word_schema::<Reserve>()
}

/// The words and null, which is the same as nothing.
fn word_schema<W: Word>() -> Schema {
    let words = W::WORDS.iter().map(|(word, _)| serde_json::Value::from(*word));
    let words: Vec<_> = words.chain([serde_json::Value::Null]).collect();
    json_schema!({ "enum": words })
}

fn cohort_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["array", "null"],
        "items": {"type": "integer", "minimum": 0, "maximum": 100},
        "minItems": 2,
        "maxItems": 2,
    })
}

/// A price per unit, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RawPrice {
    pub(super) cash: u64,
    pub(super) points: u64,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceTable {
    cash: Option<u64>,
    points: Option<u64>,
    #[serde(default, rename = "by", deserialize_with = "NotYet::refuse")]
    _by: Option<NotYet>,
    #[serde(default, rename = "steps", deserialize_with = "NotYet::refuse")]
    _steps: Option<NotYet>,
}

impl<'de> Deserialize<'de> for RawPrice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = RawPrice;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a price: a whole number of minor units from 0, or {\"cash\": n, \"points\": n}")
            }
            fn visit_u64<E: de::Error>(self, cash: u64) -> Result<RawPrice, E> {
                Ok(RawPrice { cash, points: 0 })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawPrice, A::Error> {
                let table = PriceTable::deserialize(MapAccessDeserializer::new(map))?;
                if table.cash.is_none() && table.points.is_none() {
                    return Err(de::Error::custom("expected cash, points or both, found neither"));
                }
                Ok(RawPrice { cash: table.cash.unwrap_or(0), points: table.points.unwrap_or(0) })
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl Serialize for RawPrice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.points == 0 {
            return serializer.serialize_u64(self.cash);
        }
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("cash", &self.cash)?;
        map.serialize_entry("points", &self.points)?;
        map.end()
    }
}

impl JsonSchema for RawPrice {
    fn schema_name() -> Cow<'static, str> {
        "Price".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A price per unit: cash in minor units, or cash and points.",
            "oneOf": [
                {"type": "integer", "minimum": 0, "maximum": PRICE_MAX},
                {
                    "type": "object",
                    "properties": {
                        "cash": {"description": "Minor units of the currency.", "type": ["integer", "null"],
                                 "minimum": 0, "maximum": PRICE_MAX, "default": 0},
                        "points": {"description": "Points, counted apart from cash.", "type": ["integer", "null"],
                                   "minimum": 0, "maximum": PRICE_MAX, "default": 0},
                    },
                    "anyOf": [
                        {"required": ["cash"], "properties": {"cash": {"type": "integer"}}},
                        {"required": ["points"], "properties": {"points": {"type": "integer"}}},
                    ],
                    "additionalProperties": false,
                },
            ],
        })
    }
}

/// When a paid reservation becomes final, as written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RawSettle {
    Now,
    Group(RawGroup),
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SettleTable {
    group: Option<Table<RawGroup>>,
    #[serde(default, rename = "draw", deserialize_with = "NotYet::refuse")]
    _draw: Option<NotYet>,
    #[serde(default, rename = "presale", deserialize_with = "NotYet::refuse")]
    _presale: Option<NotYet>,
}

impl<'de> Deserialize<'de> for RawSettle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const EXPECTED: &str = "\"now\" or {\"group\": {\"size\": n, \"open\": duration, ...}}";
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = RawSettle;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<RawSettle, E> {
                match text {
                    "now" => Ok(RawSettle::Now),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawSettle, A::Error> {
                let table = SettleTable::deserialize(MapAccessDeserializer::new(map))?;
                let missing =
                    || de::Error::custom(format_args!("expected {EXPECTED}, found a table without group"));
                table.group.map(|group| RawSettle::Group(group.0)).ok_or_else(missing)
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl Serialize for RawSettle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            RawSettle::Now => serializer.serialize_str("now"),
            RawSettle::Group(group) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("group", group)?;
                map.end()
            }
        }
    }
}

impl JsonSchema for RawSettle {
    fn schema_name() -> Cow<'static, str> {
        "Settle".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let group = generator.subschema_for::<RawGroup>();
        json_schema!({
            "description": "When a paid reservation becomes final.",
            "oneOf": [
                {"const": "now"},
                {"type": "object", "properties": {"group": group}, "required": ["group"], "additionalProperties": false},
            ],
        })
    }
}
