//! The page of a product, as the cache keeps it while it is hot.

use crate::catalogue::{Product, money};

/// The page of `product`: a function of the document alone, so that an audit can tell a stale one.
pub(crate) fn render(product: &Product) -> String {
    let Product { id, name, description, category, picture, in_stock, sold, .. } = product;
    let price = money(product.price_cents);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<title>{name}</title>\n<h1>{name}</h1>\n\
         <img src=\"/v1/buckets/pictures/objects/{picture}\" alt=\"{name}\" width=\"240\" height=\"240\">\n\
         <p>{description}</p>\n<p data-product=\"{id}\" data-category=\"{category}\">{price} EUR, {in_stock} in stock, \
         {sold} sold</p>\n</html>\n"
    )
}
