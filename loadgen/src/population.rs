//! Who wants what: buyers, offers of uneven heat, double clicks, bots that try again, payments.
//!
//! Turns a schedule into a plan, from a seed alone. Each due moment is one BUY of somebody; payments and
//! cancellations follow later on the same connection, as a storefront's would. A double click comes on
//! another connection with the same id; a bot comes with a new id each time. Owns no clock and no socket.

use anyhow::{Result, ensure};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Exp, Zipf};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::plan::{Action, GroupPlan, Intent, OfferPlan, Plan, ReservationIndex, ReservationPlan, Seat};
use crate::schedule::Schedule;

/// The crowd and what it is offered. Percentages are of 100.
#[derive(Debug, Clone)]
pub struct Crowd {
    /// Distinct buyers, bots apart.
    pub buyers: u32,
    /// Offers on sale.
    pub offers: u32,
    /// How uneven the offers' heat is: 0 alike, 1 as in a usual shop, 2 nearly all on one.
    pub zipf: f64,
    /// Of all BUYs, how many repeat an earlier one's id.
    pub duplicates_percent: f64,
    /// Of all BUYs, how many come from bots, each with a new id.
    pub bots_percent: f64,
    /// Of all accepted reservations, how many are paid.
    pub pays_percent: f64,
    /// Of all accepted reservations, how many are cancelled.
    pub cancels_percent: f64,
    /// Of all offers, how many are group buys.
    pub groups_percent: f64,
    /// Seats per group.
    pub group_size: u32,
    /// Units per offer.
    pub stock: u64,
    /// Price per unit.
    pub price: i64,
    /// Units one buyer may have of one offer; 0 for no limit.
    pub limit: u32,
    /// Connections to spread over.
    pub connections: u16,
    /// What offer ids start with.
    pub prefix: String,
    /// The seed of every choice.
    pub seed: u64,
}

impl Crowd {
    /// Checks every range.
    ///
    /// # Errors
    /// An argument out of its range, named.
    pub fn check(&self) -> Result<()> {
        ensure!(self.buyers >= 1, "buyers: expected at least 1");
        ensure!((1..=100_000).contains(&self.offers), "offers: expected 1 to 100000, got {}", self.offers);
        ensure!(
            self.zipf.is_finite() && (0.0..=10.0).contains(&self.zipf),
            "zipf: expected 0 to 10, got {}",
            self.zipf
        );
        ensure!(self.connections >= 1, "connections: expected at least 1");
        ensure!((2..=1_000).contains(&self.group_size), "group-size: expected 2 to 1000");
        ensure!(self.stock >= 1, "stock: expected at least 1");
        ensure!(self.price >= 0, "price: expected 0 or more");
        for (name, percent) in [
            ("duplicates", self.duplicates_percent),
            ("bots", self.bots_percent),
            ("pays", self.pays_percent),
            ("cancels", self.cancels_percent),
            ("groups", self.groups_percent),
        ] {
            ensure!((0.0..=100.0).contains(&percent), "{name}: expected 0 to 100 percent, got {percent}");
        }
        ensure!(
            self.duplicates_percent + self.bots_percent <= 100.0,
            "duplicates + bots: together more than 100 percent"
        );
        Ok(())
    }

    /// Plans every command of the run.
    ///
    /// # Errors
    /// An argument out of its range, named.
    pub fn plan(&self, schedule: &Schedule) -> Result<Plan> {
        self.check()?;
        let mut planner = Planner::new(self);
        for &due_ns in &schedule.due_ns {
            planner.add_moment(due_ns);
        }
        let Planner { mut plan, .. } = planner;
        // Stable: a payment due at the very moment of its purchase stays behind it.
        plan.intents.sort_by_key(|intent| intent.due_ns);
        Ok(plan)
    }

    fn offer(&self, index: u32) -> OfferPlan {
        // Group offers stand at even distances, so that hot and cold ones are among them.
        let before = (f64::from(index) * self.groups_percent / 100.0).floor();
        let after = (f64::from(index + 1) * self.groups_percent / 100.0).floor();
        let group = (after > before).then(|| GroupPlan {
            size: self.group_size,
            open: "24h".into(),
            runs_out: false,
        });
        OfferPlan {
            id: format!("{}-{index}", self.prefix),
            stock: self.stock,
            price: self.price,
            limit_buyer: (self.limit > 0).then_some(self.limit),
            opens_ms: None,
            hold: "24h".into(),
            group,
        }
    }
}

/// How many of the latest purchases a double click may repeat.
const RECENT_LEN: usize = 1_024;
/// How long people take to pay or cancel, on average.
const FOLLOW_UP_MEAN_NS: f64 = 200_000_000.0;

struct Planner<'a> {
    crowd: &'a Crowd,
    plan: Plan,
    rng: Xoshiro256PlusPlus,
    heat: Option<Zipf<f64>>,
    /// Buyers in the order in which they come.
    order: Vec<u32>,
    next_buyer: usize,
    /// The latest purchases, a ring.
    recent: Vec<ReservationIndex>,
    recent_next: usize,
    /// The latest leader on each offer.
    leaders: Vec<Option<ReservationIndex>>,
}

impl<'a> Planner<'a> {
    fn new(crowd: &'a Crowd) -> Self {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(crowd.seed);
        let mut order: Vec<u32> = (0..crowd.buyers).collect();
        order.shuffle(&mut rng);
        let heat = (crowd.zipf > 0.0).then(|| {
            Zipf::new(f64::from(crowd.offers), crowd.zipf).expect("offers and exponent were checked")
        });
        let offers = (0..crowd.offers).map(|index| crowd.offer(index)).collect();
        Self {
            crowd,
            plan: Plan { offers, ..Plan::default() },
            rng,
            heat,
            order,
            next_buyer: 0,
            recent: Vec::with_capacity(RECENT_LEN),
            recent_next: 0,
            leaders: vec![None; crowd.offers as usize],
        }
    }

    fn chance(&mut self, percent: f64) -> bool {
        self.rng.random::<f64>() * 100.0 < percent
    }

    fn add_moment(&mut self, due_ns: u64) {
        let draw = self.rng.random::<f64>() * 100.0;
        if draw < self.crowd.duplicates_percent && !self.recent.is_empty() {
            self.add_double_click(due_ns);
        } else if draw < self.crowd.duplicates_percent + self.crowd.bots_percent {
            let bots = (self.crowd.buyers / 1_000).max(1);
            let bot = self.crowd.buyers + self.rng.random_range(0..bots);
            self.add_purchase(due_ns, bot);
        } else {
            let buyer = self.order[self.next_buyer];
            self.next_buyer = (self.next_buyer + 1) % self.order.len();
            self.add_purchase(due_ns, buyer);
        }
    }

    fn add_double_click(&mut self, due_ns: u64) {
        let reservation = self.recent[self.rng.random_range(0..self.recent.len())];
        let buyer = self.plan.reservation(reservation).buyer;
        // Another tab: another connection than the first click's, where there is one.
        let connection = self.connection_of(buyer.wrapping_add(1));
        self.plan.intents.push(Intent { due_ns, reservation, connection, action: Action::Buy });
    }

    fn add_purchase(&mut self, due_ns: u64, buyer: u32) {
        let offer = match self.heat {
            None => self.rng.random_range(0..self.crowd.offers),
            Some(heat) => (heat.sample(&mut self.rng) as u32).clamp(1, self.crowd.offers) - 1,
        };
        let reservation = self.plan.reservations.len() as ReservationIndex;
        let seat = self.choose_seat(offer, reservation);
        self.plan.reservations.push(ReservationPlan { offer, buyer, seat });
        let connection = self.connection_of(buyer);
        self.plan.intents.push(Intent { due_ns, reservation, connection, action: Action::Buy });
        if self.recent.len() < RECENT_LEN {
            self.recent.push(reservation);
        } else {
            self.recent[self.recent_next] = reservation;
            self.recent_next = (self.recent_next + 1) % RECENT_LEN;
        }
        self.add_follow_ups(due_ns, reservation, connection);
    }

    /// A third open a group, a third join the latest leader, a third take any.
    fn choose_seat(&mut self, offer: u32, reservation: ReservationIndex) -> Seat {
        if self.plan.offers[offer as usize].group.is_none() {
            return Seat::None;
        }
        let leader = self.leaders[offer as usize];
        match (self.rng.random_range(0..3), leader) {
            (0, Some(leader)) => Seat::With(leader),
            (1, _) => Seat::Any,
            _ => {
                self.leaders[offer as usize] = Some(reservation);
                Seat::New
            }
        }
    }

    fn add_follow_ups(&mut self, due_ns: u64, reservation: ReservationIndex, connection: u16) {
        let delay = Exp::new(1.0 / FOLLOW_UP_MEAN_NS).expect("the mean is a positive constant");
        let wait_ns = |rng: &mut Xoshiro256PlusPlus| delay.sample(rng).min(1e9) as u64;
        if self.chance(self.crowd.pays_percent) {
            let due_ns = due_ns + wait_ns(&mut self.rng);
            self.plan.intents.push(Intent { due_ns, reservation, connection, action: Action::Pay });
        }
        if self.chance(self.crowd.cancels_percent) {
            let due_ns = due_ns + wait_ns(&mut self.rng);
            self.plan.intents.push(Intent { due_ns, reservation, connection, action: Action::Cancel });
        }
    }

    fn connection_of(&self, buyer: u32) -> u16 {
        (buyer % u32::from(self.crowd.connections)) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Arrivals, Shape};
    use std::collections::{HashMap, HashSet};
    use std::time::Duration;

    fn crowd() -> Crowd {
        Crowd {
            buyers: 5_000,
            offers: 50,
            zipf: 1.0,
            duplicates_percent: 10.0,
            bots_percent: 20.0,
            pays_percent: 50.0,
            cancels_percent: 10.0,
            groups_percent: 40.0,
            group_size: 3,
            stock: 10,
            price: 5,
            limit: 1,
            connections: 8,
            prefix: "p".into(),
            seed: 3,
        }
    }

    fn plan(crowd: &Crowd) -> Plan {
        let shape = Shape::Constant { rate: 2_000.0 };
        let schedule = Schedule::new(shape, Arrivals::Poisson, Duration::from_secs(10), 1).unwrap();
        crowd.plan(&schedule).unwrap()
    }

    #[test]
    fn the_same_seed_plans_the_same_run_and_another_seed_another() {
        let plans = [plan(&crowd()), plan(&crowd()), plan(&Crowd { seed: 4, ..crowd() })];
        assert!(plans[0].intents == plans[1].intents && plans[0].reservations == plans[1].reservations);
        assert!(plans[0].intents != plans[2].intents);
    }

    #[test]
    fn shares_of_repeats_bots_and_groups_are_as_asked() {
        let plan = plan(&crowd());
        let buys = plan.intents.iter().filter(|intent| intent.action == Action::Buy);
        let mut seen = HashSet::new();
        let (mut repeats, mut bots, mut all) = (0.0, 0.0, 0.0);
        for intent in buys {
            all += 1.0;
            let is_repeat = !seen.insert(intent.reservation);
            repeats += f64::from(u8::from(is_repeat));
            let is_bot = plan.reservation(intent.reservation).buyer >= 5_000;
            bots += f64::from(u8::from(is_bot && !is_repeat));
        }
        assert!((0.09..0.11).contains(&(repeats / all)), "{}", repeats / all);
        assert!((0.18..0.22).contains(&(bots / all)), "{}", bots / all);
        assert_eq!(plan.offers.iter().filter(|offer| offer.group.is_some()).count(), 20);
    }

    #[test]
    fn a_repeat_comes_on_another_connection_with_the_same_id() {
        let plan = plan(&crowd());
        let mut first = HashMap::new();
        for intent in plan.intents.iter().filter(|intent| intent.action == Action::Buy) {
            match first.get(&intent.reservation) {
                None => drop(first.insert(intent.reservation, intent.connection)),
                Some(connection) => assert_ne!(*connection, intent.connection),
            }
        }
    }

    #[test]
    fn a_payment_comes_after_its_purchase_on_the_same_connection() {
        let plan = plan(&crowd());
        let mut bought = HashMap::new();
        for intent in &plan.intents {
            match intent.action {
                Action::Buy => drop(bought.entry(intent.reservation).or_insert(intent.connection)),
                _ => assert_eq!(bought.get(&intent.reservation), Some(&intent.connection)),
            }
        }
    }

    #[test]
    fn the_hottest_offer_draws_its_share() {
        let plan = plan(&crowd());
        let hottest = plan.reservations.iter().filter(|reservation| reservation.offer == 0).count();
        // With exponent 1 over 50 offers the first draws 1 / (1 + 1/2 + … + 1/50) = 22 %.
        let share = hottest as f64 / plan.reservations.len() as f64;
        assert!((0.20..0.25).contains(&share), "{share}");
    }
}
