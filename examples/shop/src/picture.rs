//! The pictures of products, drawn by the shop itself: an inlay of triangles in the colours of the wood.

use std::fmt::Write;

use crate::catalogue::Product;

/// The media type of pictures.
pub(crate) const PICTURE_TYPE: &str = "image/svg+xml";

/// How browsers and caches on the way may keep pictures: they never change under their key.
pub(crate) const PICTURE_CACHE_CONTROL: &str = "public, max-age=86400, immutable";

const SIDE: u32 = 480;
const TILES: u32 = 6;

/// The picture of `product`: the same bytes whenever it is drawn.
pub(crate) fn draw(product: &Product) -> String {
    let mut svg =
        format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {SIDE} {SIDE}\" role=\"img\" aria-label=\"");
    let _ = writeln!(svg, "{}\">", product.name);
    let (colours, side) = (product.colours(), SIDE / TILES);
    // FNV-1a: any number will do that depends on the product alone.
    let seed =
        product.id.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    for tile in 0..TILES * TILES {
        let (x, y) = (tile % TILES * side, tile / TILES * side);
        // Mirrored left to right, as an inlayer cuts two veneers at once.
        let column = (tile % TILES).min(TILES - 1 - tile % TILES);
        let mixed = seed.rotate_left(column * 7 + tile / TILES * 3);
        let (dark, light) = (colours[(mixed & 1) as usize], colours[2 + ((mixed >> 1) & 1) as usize]);
        let falling = ((mixed >> 2) & 1 == 0) == (tile % TILES < TILES / 2);
        let diagonal = match falling {
            true => format!("{x},{y} {},{} {x},{}", x + side, y + side, y + side),
            false => format!("{},{y} {x},{} {},{}", x + side, y + side, x + side, y + side),
        };
        let _ = writeln!(svg, "<rect x=\"{x}\" y=\"{y}\" width=\"{side}\" height=\"{side}\" fill=\"{light}\"/>");
        let _ = writeln!(svg, "<polygon points=\"{diagonal}\" fill=\"{dark}\"/>");
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::products;

    #[test]
    fn a_picture_is_always_the_same_and_fits_into_one_row() {
        let products = products();
        let pictures: std::collections::BTreeSet<String> = products.iter().map(draw).collect();
        assert_eq!(pictures.len(), products.len());
        assert!(pictures.iter().all(|picture| picture.starts_with("<svg") && picture.len() < 16 * 1024));
        assert_eq!(draw(&products[7]), draw(&products[7]));
    }
}
