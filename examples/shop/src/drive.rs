//! Customers and workers by the thousand: what `marquetry-shop` runs, and what measures a store.
//!
//! ```text
//!   clients x { look at a page, check out }  -- until the orders are placed --> Run { times, refused, shipped }
//!   workers x { ship the next order }        -- until nothing is left --------'
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use uuid::Uuid;

use crate::catalogue::{FIRST_DELIVERY, products};
use crate::error::{Refusal, Result};
use crate::order::{Cart, Order, Worked};
use crate::shop::Shop;

/// How long a worker waits for a message before it looks whether the customers are done.
const WORKER_WAIT: Duration = Duration::from_millis(50);

/// How much is bought, and by how many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Orders to place.
    pub orders: u64,
    /// Customers who buy at the same time.
    pub clients: usize,
    /// Workers who ship at the same time.
    pub workers: usize,
}

/// What happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// The orders that were acknowledged.
    pub placed: Vec<Uuid>,
    /// The times that their checkouts took, shortest first.
    pub times: Vec<Duration>,
    /// From the first checkout to the last.
    pub elapsed: Duration,
    /// Checkouts that were refused because a product had run out.
    pub refused: u64,
    /// Orders that the workers shipped.
    pub shipped: u64,
}

impl Run {
    /// Checkouts per second, of all clients together.
    pub fn checkouts_per_second(&self) -> f64 {
        self.placed.len() as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }

    /// The time within which this part (0 to 1) of the checkouts was done; zero when there were none.
    pub fn time_of(&self, part: f64) -> Duration {
        let last = self.times.len().saturating_sub(1);
        self.times.get((last as f64 * part).round() as usize).copied().unwrap_or_default()
    }
}

/// Runs `plan`; `progress` is called after every order placed.
///
/// # Errors
/// The first failure of a customer or worker. Refusals are none: the shop is restocked, and the customer tries again.
pub async fn run(shop: &Shop, plan: Plan, progress: impl Fn() + Send + Sync + 'static) -> Result<Run> {
    let (progress, ended) = (Arc::new(progress), Arc::new(AtomicBool::new(false)));
    let (left, begun) = (Arc::new(AtomicU64::new(plan.orders)), Instant::now());
    let mut workers = JoinSet::new();
    for _ in 0..plan.workers {
        workers.spawn(worker(shop.clone(), ended.clone()));
    }
    let mut clients = JoinSet::new();
    for number in 0..plan.clients {
        clients.spawn(client(shop.clone(), number as u64, left.clone(), progress.clone()));
    }
    let outcome = customers(clients).await;
    let elapsed = begun.elapsed();
    ended.store(true, Ordering::Release);
    let mut run = Run { elapsed, ..outcome? };
    while let Some(shipped) = workers.join_next().await {
        run.shipped += shipped.expect("a worker does not panic")?;
    }
    Ok(run)
}

async fn customers(mut clients: JoinSet<Result<Run>>) -> Result<Run> {
    let mut run = Run::default();
    while let Some(outcome) = clients.join_next().await {
        let one = outcome.expect("a customer does not panic")?;
        run.placed.extend(one.placed);
        run.times.extend(one.times);
        run.refused += one.refused;
    }
    run.times.sort_unstable();
    Ok(run)
}

async fn client(shop: Shop, number: u64, left: Arc<AtomicU64>, progress: Arc<impl Fn()>) -> Result<Run> {
    let session = shop.log_in(&customer(&shop, number).await?).await?;
    let (mut random, mut run) = (Random(number), Run::default());
    let names: Vec<String> = products().into_iter().map(|product| product.id).collect();
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
        let cart = random.cart(&names);
        shop.browse(&cart.items[0].product).await?;
        let begun = Instant::now();
        let order = check_out(&shop, &session, &cart, &mut run.refused).await?;
        run.times.push(begun.elapsed());
        run.placed.push(order.id);
        progress();
    }
    Ok(run)
}

/// The address of the customer `number`, who registers at the first visit.
async fn customer(shop: &Shop, number: u64) -> Result<String> {
    let email = format!("customer-{number}@example.com");
    match shop.register(&email, &format!("Customer {number}")).await {
        Err(error) if !matches!(error.refusal(), Some(Refusal::EmailTaken(_))) => Err(error),
        _ => Ok(email),
    }
}

/// Buys the cart, having the shop restocked as often as something has run out.
async fn check_out(shop: &Shop, session: &str, cart: &Cart, refused: &mut u64) -> Result<Order> {
    loop {
        match shop.checkout(session, cart).await {
            Err(error) => match error.refusal() {
                Some(Refusal::OutOfStock { product, .. }) => {
                    *refused += 1;
                    shop.restock(product, FIRST_DELIVERY).await?;
                }
                _ => return Err(error),
            },
            order => return order,
        }
    }
}

/// Ships until the customers are done and nothing is left; how many orders.
async fn worker(shop: Shop, ended: Arc<AtomicBool>) -> Result<u64> {
    let mut shipped = 0;
    loop {
        let last_round = ended.load(Ordering::Acquire);
        match shop.work(WORKER_WAIT).await? {
            Worked::Shipped(_) => shipped += 1,
            Worked::Repeated(_) => {}
            Worked::Idle if last_round => return Ok(shipped),
            Worked::Idle => {}
        }
    }
}

/// A small seeded source of numbers (SplitMix64): every run buys the same.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// One to three products, one to four pieces of each; every fifth of them is one of four that everybody wants.
    fn cart(&mut self, products: &[String]) -> Cart {
        (0..=self.below(3)).fold(Cart::new(), |cart, _| {
            let choice = if self.below(5) == 0 { self.below(4) * 7 } else { self.below(products.len() as u64) };
            cart.with(&products[choice as usize], 1 + self.below(4) as i64)
        })
    }
}
