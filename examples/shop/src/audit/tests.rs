//! An audit that cannot fail proves nothing: each contradiction is made by hand and must be found.

use std::slice;

use super::*;
use crate::catalogue::products;
use crate::order::{Cart, now, receipt_key};

/// Books of one product, bought twice: one order waits, one is shipped.
fn books() -> Books {
    let mut product = products().swap_remove(0);
    let mut stock = product.stock();
    let account = Account { id: 1, email: "ada@example.com".into(), name: "Ada".into() };
    let mut books = Books { accounts: vec![account], messages: 1, ..Books::default() };
    for quantity in [2, 3] {
        let sale = Sale::new(1, &Cart::new().with(&product.id, quantity), slice::from_ref(&product), now());
        books.receipts.insert(receipt_key(sale.order.id), sale.receipt().into_bytes());
        books.orders.push(sale.order);
        books.lines.extend(sale.lines);
        product.sold += quantity;
        product.in_stock -= quantity;
    }
    let shipment = Shipment::new(&books.orders[0], &books.lines[..1], now());
    books.orders[0].state = OrderState::Shipped;
    books.letters.insert(receipt_key(shipment.id), shipment.letter().into_bytes());
    books.shipments.push(shipment);
    stock.quantity = product.in_stock;
    books.found.insert(product.id.clone());
    books.pages.insert(product.id.clone(), page::render(&product).into_bytes());
    books.stock.push(stock);
    books.products.push(product);
    books
}

#[test]
fn whole_books_are_clean() {
    let audit = books().audit();
    assert!(audit.is_clean(), "{audit}");
    assert_eq!((audit.orders, audit.paid, audit.shipped, audit.pieces), (2, 1, 1, 5));
    let lost = Uuid::now_v7();
    let acknowledged: Vec<Uuid> = audit.order_ids.iter().copied().chain([lost]).collect();
    assert_eq!(audit.missing(&acknowledged), [lost]);
}

/// One thing that is wrong in otherwise whole books.
type Break = fn(&mut Books);

#[test]
fn every_kind_of_partial_order_is_found() {
    let breaks: [(&str, Break); 17] = [
        ("no order row", |books| books.orders.truncate(1)),
        ("no line", |books| drop(books.lines.pop())),
        ("another total", |books| books.orders[0].total_cents += 1),
        ("nobody's order", |books| books.accounts.clear()),
        ("no receipt", |books| drop(books.receipts.pop_first())),
        ("another receipt", |books| books.receipts.values_mut().for_each(|bytes| bytes.push(b'!'))),
        ("a receipt of nothing", |books| drop(books.receipts.insert("x.txt".into(), Vec::new()))),
        ("no message", |books| books.messages = 0),
        ("a message too many", |books| books.messages = 2),
        ("no shipment", |books| books.shipments.clear()),
        ("shipped twice", |books| books.orders[0].state = OrderState::Paid),
        ("no letter", |books| books.letters.clear()),
        ("stock not taken", |books| books.stock[0].quantity += 2),
        ("counter not moved", |books| books.products[0].sold -= 2),
        ("no stock", |books| books.stock.clear()),
        ("not found", |books| books.found.clear()),
        ("stale page", |books| books.pages.values_mut().for_each(|page| page.truncate(10))),
    ];
    for (what, damage) in breaks {
        let mut damaged = books();
        damage(&mut damaged);
        let audit = damaged.audit();
        assert!(!audit.is_clean(), "{what} was not found");
        assert_eq!(audit.contradictions.len(), audit.contradiction_count.min(DESCRIBED_MAX));
    }
}
