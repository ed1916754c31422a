//! The shape of numbers: how far one reaches, and what is wrong with it.

/// A number at the start of a text.
pub(super) struct Scanned {
    /// Its length in bytes; with a fault, the length of what is best skipped.
    pub(super) len: usize,
    /// A message and the place it points at.
    pub(super) fault: Option<(String, usize, usize)>,
    /// A keyword follows without a space: the kind of number to name in the warning.
    pub(super) warning: Option<&'static str>,
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    warning: Option<&'static str>,
}

/// A message and the place it points at.
type Fault = (String, usize, usize);

/// Reads the number that `bytes` starts with: a digit, or a point and a digit.
pub(super) fn scan(bytes: &[u8]) -> Scanned {
    let mut scanner = Scanner { bytes, at: 0, warning: None };
    match scanner.number() {
        Ok(()) => Scanned { len: scanner.at, fault: None, warning: scanner.warning },
        Err(fault) => {
            let rest = bytes[scanner.at..].iter().take_while(|b| is_name(**b));
            Scanned { len: scanner.at + rest.count(), fault: Some(fault), warning: None }
        }
    }
}

fn is_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

impl Scanner<'_> {
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    /// A fault at the last byte read.
    fn fault(&self, message: String) -> Fault {
        let at = self.at.saturating_sub(1);
        (message, at, at)
    }

    fn invalid<T>(&self, kind: &str) -> Result<T, Fault> {
        Err(self.fault(format!("invalid {kind} literal")))
    }

    fn number(&mut self) -> Result<(), Fault> {
        if self.peek() == b'0' {
            let radix = match self.bytes.get(1).copied().unwrap_or(0) {
                b'x' | b'X' => Some(("hexadecimal", 16)),
                b'o' | b'O' => Some(("octal", 8)),
                b'b' | b'B' => Some(("binary", 2)),
                _ => None,
            };
            if let Some((kind, radix)) = radix {
                self.at = 2;
                return self.radix(kind, radix);
            }
        }
        if self.peek() == b'.' {
            self.at = 1;
            self.decimal_digits()?;
            return self.exponent();
        }
        let zero = self.peek() == b'0';
        self.decimal_digits()?;
        let integer = &self.bytes[..self.at];
        match self.peek() {
            b'.' => {
                self.at += 1;
                if self.peek().is_ascii_digit() {
                    self.decimal_digits()?;
                }
                self.exponent()
            }
            b'e' | b'E' | b'j' | b'J' => self.exponent(),
            _ => {
                let nonzero = integer.iter().position(|b| !matches!(b, b'0' | b'_'));
                match nonzero {
                    Some(at) if zero => {
                        let message = "leading zeros in decimal integer literals are not permitted; use an 0o prefix for \
                                       octal integers";
                        Err((message.to_owned(), 0, at))
                    }
                    _ => self.end("decimal"),
                }
            }
        }
    }

    fn radix(&mut self, kind: &'static str, radix: u32) -> Result<(), Fault> {
        let is_digit = |byte: u8| char::from(byte).is_digit(radix);
        loop {
            if self.peek() == b'_' {
                self.at += 1;
            }
            if !is_digit(self.peek()) {
                if kind != "hexadecimal" && self.peek().is_ascii_digit() {
                    return self.wrong_digit(kind);
                }
                return self.invalid(kind);
            }
            while is_digit(self.peek()) {
                self.at += 1;
            }
            if self.peek() != b'_' {
                break;
            }
        }
        if kind != "hexadecimal" && self.peek().is_ascii_digit() {
            return self.wrong_digit(kind);
        }
        self.end(kind)
    }

    fn wrong_digit(&mut self, kind: &str) -> Result<(), Fault> {
        let digit = self.peek() as char;
        self.at += 1;
        Err(self.fault(format!("invalid digit '{digit}' in {kind} literal")))
    }

    fn decimal_digits(&mut self) -> Result<(), Fault> {
        loop {
            while self.peek().is_ascii_digit() {
                self.at += 1;
            }
            if self.peek() != b'_' {
                return Ok(());
            }
            self.at += 1;
            if !self.peek().is_ascii_digit() {
                return self.invalid("decimal");
            }
        }
    }

    fn exponent(&mut self) -> Result<(), Fault> {
        if matches!(self.peek(), b'e' | b'E') {
            let before = self.at;
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
                if !self.peek().is_ascii_digit() {
                    return self.invalid("decimal");
                }
            } else if !self.peek().is_ascii_digit() {
                self.at = before;
                return self.end("decimal");
            }
            self.decimal_digits()?;
        }
        if matches!(self.peek(), b'j' | b'J') {
            self.at += 1;
            return self.end("imaginary");
        }
        self.end("decimal")
    }

    /// After a number comes no letter, unless it starts a keyword.
    fn end(&mut self, kind: &'static str) -> Result<(), Fault> {
        if !is_name(self.peek()) {
            return Ok(());
        }
        let rest = &self.bytes[self.at..];
        let word = &rest[..rest.iter().take_while(|b| is_name(**b)).count()];
        let keyword = matches!(word, b"and" | b"else" | b"for" | b"or" | b"not")
            || matches!(rest, [b'i', b'f' | b'n' | b's', ..]);
        if keyword {
            self.warning = Some(kind);
            return Ok(());
        }
        self.invalid(kind)
    }
}
