//! Tokens: what the parser sees of a text.
//!
//! A [`Token`] is 16 bytes and `Copy`; a name carries its symbol, a literal an index into [`Lexed::literals`]. The kinds
//! are matched by `logos`; those that depend on the line structure or on an enclosing f-string are made by the layer in
//! `lexer.rs`.
//!
//! [`Lexed::literals`]: super::lexer::Lexed

use logos::Logos;

use crate::source::Span;
use crate::symbol::Symbol;

/// One token and where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Token {
    pub kind: TokenKind,
    payload: u32,
    pub span: Span,
}

const _: () = assert!(size_of::<Token>() == 16);

impl Token {
    pub fn new(kind: TokenKind, span: Span) -> Token {
        Token { kind, payload: 0, span }
    }

    pub fn name(symbol: Symbol, span: Span) -> Token {
        Token { kind: TokenKind::Name, payload: symbol.0, span }
    }

    /// A number, string or piece of an f-string; `index` into the side table of literals.
    pub fn literal(kind: TokenKind, index: usize, span: Span) -> Token {
        Token { kind, payload: index as u32, span }
    }

    /// The symbol of a [`TokenKind::Name`].
    pub fn symbol(self) -> Symbol {
        Symbol(self.payload)
    }

    /// The index of a literal's value in the side table.
    pub fn index(self) -> usize {
        self.payload as usize
    }
}

/// What a token is. The kinds up to `Unknown` come from `logos`, the rest from the layer above it.
#[derive(Logos, Clone, Copy, PartialEq, Eq, Debug)]
#[logos(skip r"[ \t\f]+")]
pub enum TokenKind {
    // Keywords.
    #[token("False")]
    False,
    #[token("None")]
    None,
    #[token("True")]
    True,
    #[token("and")]
    And,
    #[token("as")]
    As,
    #[token("assert")]
    Assert,
    #[token("async")]
    Async,
    #[token("await")]
    Await,
    #[token("break")]
    Break,
    #[token("class")]
    Class,
    #[token("continue")]
    Continue,
    #[token("def")]
    Def,
    #[token("del")]
    Del,
    #[token("elif")]
    Elif,
    #[token("else")]
    Else,
    #[token("except")]
    Except,
    #[token("finally")]
    Finally,
    #[token("for")]
    For,
    #[token("from")]
    From,
    #[token("global")]
    Global,
    #[token("if")]
    If,
    #[token("import")]
    Import,
    #[token("in")]
    In,
    #[token("is")]
    Is,
    #[token("lambda")]
    Lambda,
    #[token("nonlocal")]
    Nonlocal,
    #[token("not")]
    Not,
    #[token("or")]
    Or,
    #[token("pass")]
    Pass,
    #[token("raise")]
    Raise,
    #[token("return")]
    Return,
    #[token("try")]
    Try,
    #[token("while")]
    While,
    #[token("with")]
    With,
    #[token("yield")]
    Yield,

    // Brackets.
    #[token("(")]
    LParen,
    #[token(")")]
    RParen,
    #[token("[")]
    LBracket,
    #[token("]")]
    RBracket,
    /// Also opens a replacement field of an f-string.
    #[token("{")]
    LBrace,
    #[token("}")]
    RBrace,

    // Operators and delimiters.
    #[token("+")]
    Plus,
    #[token("-")]
    Minus,
    #[token("*")]
    Star,
    #[token("**")]
    DoubleStar,
    #[token("/")]
    Slash,
    #[token("//")]
    DoubleSlash,
    #[token("%")]
    Percent,
    #[token("@")]
    At,
    #[token("<<")]
    LeftShift,
    #[token(">>")]
    RightShift,
    #[token("&")]
    Ampersand,
    #[token("|")]
    Bar,
    #[token("^")]
    Caret,
    #[token("~")]
    Tilde,
    #[token("<")]
    Less,
    #[token(">")]
    Greater,
    #[token("<=")]
    LessEqual,
    #[token(">=")]
    GreaterEqual,
    #[token("==")]
    EqualEqual,
    #[token("!=")]
    NotEqual,
    #[token("<>")]
    Diamond,
    #[token("->")]
    Arrow,
    #[token(":=")]
    Walrus,
    #[token(",")]
    Comma,
    #[token(":")]
    Colon,
    #[token(".")]
    Dot,
    #[token("...")]
    Ellipsis,
    #[token(";")]
    Semicolon,
    #[token("=")]
    Equal,
    #[token("+=")]
    PlusEqual,
    #[token("-=")]
    MinusEqual,
    #[token("*=")]
    StarEqual,
    #[token("/=")]
    SlashEqual,
    #[token("//=")]
    DoubleSlashEqual,
    #[token("%=")]
    PercentEqual,
    #[token("@=")]
    AtEqual,
    #[token("&=")]
    AmpersandEqual,
    #[token("|=")]
    BarEqual,
    #[token("^=")]
    CaretEqual,
    #[token(">>=")]
    RightShiftEqual,
    #[token("<<=")]
    LeftShiftEqual,
    #[token("**=")]
    DoubleStarEqual,
    #[token("!")]
    Exclamation,

    /// An identifier. `logos` matches the ASCII ones; the layer extends them.
    #[regex("[A-Za-z_][A-Za-z0-9_]*")]
    Name,
    /// `logos` matches the first digit, the layer the rest.
    #[regex(r"\.?[0-9]")]
    Number,
    /// `logos` matches prefix and first quote, the layer the rest.
    #[regex(r#"([rR][bB]?|[bB][rR]?|[uU])?["']"#)]
    String,
    /// Prefix and quotes.
    #[regex(r#"([fF][rR]?|[rR][fF])["']"#)]
    FStringStart,

    // Seen by the layer only.
    #[regex(r"\r\n|\n|\r")]
    LineBreak,
    #[regex(r"#[^\r\n]*", allow_greedy = true)]
    Comment,
    #[token(r"\")]
    Backslash,
    #[regex(r"[^\x00-\x7F]")]
    NonAscii,

    /// A character that belongs to no token of the language, or the place of an error already reported.
    #[regex(r"[$?`]")]
    Unknown,
    /// The end of a logical line.
    Newline,
    Indent,
    Dedent,
    /// A piece of text between the fields of an f-string.
    FStringMiddle,
    FStringEnd,
    End,
}

impl TokenKind {
    /// Whether a line can't end before its partner.
    pub fn opens(self) -> bool {
        matches!(self, TokenKind::LParen | TokenKind::LBracket | TokenKind::LBrace)
    }

    pub fn closes(self) -> bool {
        matches!(self, TokenKind::RParen | TokenKind::RBracket | TokenKind::RBrace)
    }

    /// Whether it may go over several lines.
    pub fn is_text(self) -> bool {
        matches!(self, TokenKind::String | TokenKind::FStringStart | TokenKind::FStringMiddle)
    }

    pub fn is_keyword(self) -> bool {
        (self as u8) <= TokenKind::Yield as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_match_wins() {
        let kinds: Vec<_> = TokenKind::lexer("iff if **= ** ... .. <<=").flatten().collect();
        use TokenKind::*;
        assert_eq!(kinds, [Name, If, DoubleStarEqual, DoubleStar, Ellipsis, Dot, Dot, LeftShiftEqual]);
    }
}
