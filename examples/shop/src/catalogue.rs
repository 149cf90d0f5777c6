//! What the shop sells: twelve things in four woods, made up here so that every run sells the same.
//!
//! ```text
//!   THINGS x WOODS --> Product --> collection "products" (searched)      one document
//!                         |------> table "stock"                         one row
//!                         '------> bucket "pictures"                     one picture
//! ```

use serde::{Deserialize, Serialize};

/// The pieces of every product that the shop opens with.
pub const FIRST_DELIVERY: i64 = 500;

/// A product as the catalogue holds it: a document, found by full text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// The id of the document, such as `walnut-desk-lamp`.
    #[serde(rename = "_id")]
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What it is like.
    pub description: String,
    /// Where in the shop it stands.
    pub category: String,
    /// The wood that it is made of.
    pub wood: String,
    /// What it costs.
    pub price_cents: i64,
    /// The key of its picture in the bucket `pictures`.
    pub picture: String,
    /// The pieces that can be bought; changes with every checkout, in the same transaction as the stock.
    pub in_stock: i64,
    /// The pieces that were ever bought.
    pub sold: i64,
}

/// The pieces of a product: a row of the table `stock`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    /// The product.
    pub product: String,
    /// The pieces that were ever delivered to the shop.
    pub received: i64,
    /// The pieces that are left.
    pub quantity: i64,
}

struct Thing {
    name: &'static str,
    category: &'static str,
    price_cents: i64,
    description: &'static str,
}

struct Wood {
    name: &'static str,
    surcharge_cents: i64,
    description: &'static str,
    /// Fill colours of its pictures, from dark to light.
    colours: [&'static str; 4],
}

#[rustfmt::skip]
const THINGS: [Thing; 12] = [
    Thing { name: "desk lamp", category: "lighting", price_cents: 7_900, description: "A reading lamp with an arm that stays where you leave it and a warm, dimmable light." },
    Thing { name: "floor lamp", category: "lighting", price_cents: 18_900, description: "A tall lamp for the corner behind the armchair; the linen shade takes the glare away." },
    Thing { name: "stool", category: "seating", price_cents: 9_900, description: "Three legs, so it never wobbles; carries a grown-up who changes a bulb." },
    Thing { name: "rocking chair", category: "seating", price_cents: 42_900, description: "A low chair on steam-bent runners, for feeding babies and finishing novels." },
    Thing { name: "writing desk", category: "tables", price_cents: 64_900, description: "A desk with two drawers and a channel for cables, deep enough for a keyboard and a notebook." },
    Thing { name: "coffee table", category: "tables", price_cents: 28_900, description: "A round table with an inlaid star, oiled so that a hot cup leaves no ring." },
    Thing { name: "bookshelf", category: "storage", price_cents: 34_900, description: "Five shelves, wedged without a single screw, for books that are heavier than they look." },
    Thing { name: "jewel box", category: "storage", price_cents: 12_900, description: "A small box with a lid of forty pieces of veneer and a lock that really locks." },
    Thing { name: "cutting board", category: "kitchen", price_cents: 4_900, description: "End grain that is kind to knives, with a groove for the juice of tomatoes." },
    Thing { name: "salad bowl", category: "kitchen", price_cents: 6_900, description: "Turned from one block and oiled for food; big enough for six hungry guests." },
    Thing { name: "chess set", category: "games", price_cents: 15_900, description: "Thirty-two turned pieces and an inlaid board that folds into their case." },
    Thing { name: "spinning top", category: "games", price_cents: 1_900, description: "Turned by hand and balanced: two minutes from one good twist." },
];

#[rustfmt::skip]
const WOODS: [Wood; 4] = [
    Wood { name: "oak", surcharge_cents: 0, description: "Oak, open-grained and tough.", colours: ["#6b4f2a", "#94703c", "#b98f52", "#dbbd86"] },
    Wood { name: "walnut", surcharge_cents: 2_000, description: "Walnut, dark and calm.", colours: ["#33231a", "#4d3526", "#6e4c36", "#9a7355"] },
    Wood { name: "cherry", surcharge_cents: 1_000, description: "Cherry, which turns redder with every summer.", colours: ["#5e2c1c", "#8a4229", "#b0623d", "#d9956b"] },
    Wood { name: "ash", surcharge_cents: 500, description: "Ash, pale and springy.", colours: ["#8b7a5a", "#b3a27e", "#d2c4a1", "#ece2c8"] },
];

/// Every product of the shop as it opens, in the order of their ids.
pub fn products() -> Vec<Product> {
    let pairs = THINGS.iter().flat_map(|thing| WOODS.iter().map(move |wood| (thing, wood)));
    let mut products: Vec<Product> = pairs.map(|(thing, wood)| product(thing, wood)).collect();
    products.sort_by(|a, b| a.id.cmp(&b.id));
    products
}

fn product(thing: &Thing, wood: &Wood) -> Product {
    let name = format!("{}{} {}", wood.name[..1].to_uppercase(), &wood.name[1..], thing.name);
    let id = name.to_lowercase().replace(' ', "-");
    Product {
        picture: format!("{id}.svg"),
        id,
        name,
        description: format!("{} {}", thing.description, wood.description),
        category: thing.category.to_owned(),
        wood: wood.name.to_owned(),
        price_cents: thing.price_cents + wood.surcharge_cents,
        in_stock: FIRST_DELIVERY,
        sold: 0,
    }
}

impl Product {
    /// The colours that its wood has in pictures, from dark to light.
    pub(crate) fn colours(&self) -> [&'static str; 4] {
        WOODS.iter().find(|wood| wood.name == self.wood).unwrap_or(&WOODS[0]).colours
    }

    /// The row of `stock` that agrees with the product.
    pub fn stock(&self) -> Stock {
        Stock { product: self.id.clone(), received: self.in_stock + self.sold, quantity: self.in_stock }
    }
}

/// Cents as people write them, such as `49.00`.
pub(crate) fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_told_apart_by_ids_that_can_stand_in_a_path() {
        let products = products();
        assert_eq!(products.len(), 48);
        assert!(products.windows(2).all(|pair| pair[0].id < pair[1].id));
        assert!(products.iter().all(|product| product.id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
        assert_eq!(products[0].stock().quantity, FIRST_DELIVERY);
        assert_eq!(money(4_905), "49.05");
    }
}
