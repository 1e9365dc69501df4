//! Which shard an id belongs to.

use crate::support::{start, text};
use stampede_engine::{SLOT_COUNT, Slot};

#[test]
fn an_id_has_the_slot_that_redis_cluster_gives_it() {
    let slots = [
        ("123456789", 0x31C3),
        ("foo", 12_182),
        ("bar", 5_061),
        ("hello", 866),
        ("{user1000}.following", 3_443),
        ("{user1000}.followers", 3_443),
        ("foo{}{bar}", 8_363),
        ("foo{{bar}}zap", 4_015),
        ("foo{bar}{zap}", 5_061),
    ];
    for (id, slot) in slots {
        assert_eq!(Slot::of(text(id)).get(), slot, "{id}");
    }
}

#[test]
fn shards_own_equal_runs_of_slots_and_every_shard_owns_some() {
    for count in [1_u16, 2, 3, 7, 64] {
        let engine = start(count);
        let mut owned = vec![0_u32; usize::from(count)];
        let mut seen = vec![false; usize::from(SLOT_COUNT)];
        for n in 0..400_000_u32 {
            let id = format!("{n}");
            let slot = usize::from(Slot::of(text(&id)).get());
            if !std::mem::replace(&mut seen[slot], true) {
                owned[usize::from(engine.shard_of(text(&id)).get())] += 1;
            }
        }
        let all: u32 = owned.iter().sum();
        assert_eq!(all, u32::from(SLOT_COUNT), "400,000 ids reach every slot");
        let (least, most) = (owned.iter().min(), owned.iter().max());
        assert!(most <= least.map(|least| least + 1).as_ref(), "{count} shards own {owned:?} slots");
    }
}
