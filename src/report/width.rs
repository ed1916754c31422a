//! How many columns a character takes where text is aligned below other text.

use crate::text::ucd;

/// The columns of one character: 2 for those that are wide or fullwidth, 1 for all others, combining ones too: that is
/// how CPython counts when it places its carets.
pub(super) fn char_width(c: char) -> usize {
    // None before this one is wide.
    if c < '\u{1100}' {
        return 1;
    }
    1 + usize::from(matches!(ucd::properties(c as u32).width, "W" | "F"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_columns() {
        for (c, width) in [('a', 1), ('é', 1), ('日', 2), ('한', 2), ('Ａ', 2), ('ｱ', 1), ('😀', 2), ('\u{301}', 1)]
        {
            assert_eq!(char_width(c), width, "{c}");
        }
    }
}
