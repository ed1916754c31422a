//! Which of several names was probably meant: CPython's "Did you mean" rule, which looks at the bytes of UTF-8.
//!
//! The caller chooses the candidates: for a missing attribute `dir()`, in its order, and without names that begin with
//! an underscore unless the missing one does; for a missing name the locals, globals and builtins in this order.

/// Names that differ over more characters than this are not compared.
const MAX_LENGTH: usize = 40;
/// Among so many names nothing is suggested.
const MAX_CANDIDATES: usize = 750;
/// The cost of inserting, removing or replacing a byte.
const MOVE: usize = 2;
/// The cost of a letter in the other case.
const CASE: usize = 1;

/// The candidate nearest to a name that does not exist; of equally near ones the first.
pub fn suggest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let name = name.as_bytes();
    if candidates.len() >= MAX_CANDIDATES {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let bytes = candidate.as_bytes();
        if bytes == name {
            continue;
        }
        // No more than a third of both may be wrong, and only a nearer name is of interest.
        let most = (bytes.len() + name.len() + 3) * MOVE / 6;
        let most = best.map_or(most, |(distance, _)| most.min(distance.saturating_sub(1)));
        if let Some(distance) = distance(name, bytes, most) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The cost of turning one name into the other, if it is not more than `most`.
fn distance(mut a: &[u8], mut b: &[u8], most: usize) -> Option<usize> {
    while let ([x, a_rest @ ..], [y, b_rest @ ..]) = (a, b) {
        if x != y {
            break;
        }
        (a, b) = (a_rest, b_rest);
    }
    while let ([a_rest @ .., x], [b_rest @ .., y]) = (a, b) {
        if x != y {
            break;
        }
        (a, b) = (a_rest, b_rest);
    }
    if a.len() > MAX_LENGTH || b.len() > MAX_LENGTH || a.len().abs_diff(b.len()) * MOVE > most {
        return None;
    }
    // row[j] is the cost of turning what was seen of `a` into the first j characters of `b`.
    let mut row: Vec<usize> = (0..=b.len()).map(|j| j * MOVE).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = (i + 1) * MOVE;
        for (j, &y) in b.iter().enumerate() {
            let replaced = diagonal + replacement(x, y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + MOVE).min(row[j] + MOVE);
        }
    }
    row.last().copied().filter(|&distance| distance <= most)
}

fn replacement(x: u8, y: u8) -> usize {
    if x == y {
        0
    } else if x.eq_ignore_ascii_case(&y) {
        CASE
    } else {
        MOVE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest() {
        assert_eq!(suggest("foo", ["fob", "Foo", "fo"]), Some("Foo"));
        assert_eq!(suggest("pritn", ["print", "prin", "x"]), Some("prin"));
        assert_eq!(suggest("abc", ["xyz", "abc"]), None);
        assert_eq!(suggest("a", ["b"]), None);
    }
}
