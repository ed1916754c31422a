//! What `zlib` and `binascii` need: streams that compress or decompress, and checksums.

use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Inflate, InflateError, InflateFlush, Status, Strategy};

use crate::builtins::prelude::*;
use crate::builtins::types::bytes::buffer;
use crate::syntax::ast::BinOp;

/// A stream, and of one that compresses its first bytes where those differ from what the crate writes.
enum Stream {
    Deflate(Deflate, Vec<(usize, u8)>),
    Inflate(Inflate, Vec<u8>),
}

struct State(RefCell<Stream>);

impl Native for State {}

/// How much room the output gets at a time.
const CHUNK: usize = 1 << 15;

const CRC: Row = native("crc32(data, value=0, /)", |vm, args| checksum(vm, args, zlib_rs::crc32::crc32));

pub(super) const BINASCII: &[Row] = &[
    CRC,
    native("_to_base64(data, /)", |_, args| match &args[0] {
        Value::Bytes(data) => Ok(Value::bytes(to_base64(data))),
        _ => Ok(Value::None),
    }),
    // None for what is not simply in order.
    native("_from_base64(data, /)", |_, args| match &args[0] {
        Value::Bytes(text) => Ok(from_base64(text).map_or(Value::None, Value::bytes)),
        _ => Ok(Value::None),
    }),
];

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn to_base64(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len().div_ceil(3) * 4);
    for group in data.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | usize::from(group.get(at).copied().unwrap_or(0)));
        let digit = |at: usize| if at <= group.len() { BASE64[bits >> (18 - 6 * at) & 63] } else { b'=' };
        out.extend((0..4).map(digit));
    }
    out
}

fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    if text.len() % 4 != 0 {
        return None;
    }
    let mut out = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.chunks(4) {
        let mut bits = 0u32;
        for digit in group {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        bits <<= 6 * (4 - group.len());
        out.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    Some(out)
}

pub(super) const FUNCTIONS: &[Row] = &[
    CRC,
    native("adler32(data, value=1, /)", |vm, args| checksum(vm, args, zlib_rs::adler32::adler32)),
    native("_buffer(data)", |vm, args| Ok(Value::bytes(buffer(vm, &args[0])?))),
    native("_deflate(level, wbits, mem_level, strategy, dictionary)", |vm, args| {
        let mut given = [0; 4];
        for (number, value) in given.iter_mut().zip(args) {
            *number = vm.to_i32(value)?;
        }
        let [level, window_bits, mem_level, strategy] = given;
        let strategy = match strategy {
            0 => Strategy::Default,
            1 => Strategy::Filtered,
            2 => Strategy::HuffmanOnly,
            3 => Strategy::Rle,
            4 => Strategy::Fixed,
            _ => return Ok(Value::None),
        };
        let known = matches!(window_bits, 9..=15 | -15..=-9 | 25..=31);
        if !known || !(-1..=9).contains(&level) || !(1..=9).contains(&mem_level) {
            return Ok(Value::None);
        }
        // From 4 on zlib looks for matches as this crate does at its highest level, so the sizes are the same.
        let config = DeflateConfig {
            level: if (0..=3).contains(&level) { level } else { 9 },
            window_bits,
            mem_level,
            strategy,
            ..DeflateConfig::default()
        };
        let mut stream = Deflate::new_with_config(config);
        let dictionary = buffer(vm, &args[4])?;
        if !dictionary.is_empty() && stream.set_dictionary(&dictionary).is_err() {
            return Ok(Value::None);
        }
        let fix = match window_bits {
            9..=15 => {
                let first = ((window_bits as u16 - 8) << 4 | 8) << 8;
                let flags = [2u16, 0, 0, 1, 1, 1, 1, 2, 3, 3, 3][(level + 1) as usize];
                let flags = if level == 6 { 2 } else { flags };
                let word = first | flags << 6 | u16::from(!dictionary.is_empty()) << 5;
                vec![(1, (word + 31 - word % 31) as u8)]
            }
            25..=31 => vec![(8, [0, 4, 4, 0, 0, 0, 0, 0, 0, 0, 2][(level + 1) as usize])],
            _ => Vec::new(),
        };
        Ok(new(vm, Stream::Deflate(stream, fix)))
    }),
    native("_inflate(wbits, dictionary)", |vm, args| {
        let window_bits = vm.to_i32(&args[0])?;
        if !matches!(window_bits, 0 | 8..=15 | -15..=-8 | 24..=31 | 40..=47) {
            return Ok(Value::None);
        }
        let mut stream = Inflate::new(window_bits >= 0, window_bits.unsigned_abs() as u8);
        let dictionary = buffer(vm, &args[1])?;
        if window_bits < 0 && !dictionary.is_empty() && stream.set_dictionary(&dictionary).is_err() {
            return Ok(Value::None);
        }
        Ok(new(vm, Stream::Inflate(stream, dictionary)))
    }),
    // The output, at most `limit` bytes of it (-1: all), how much input was used, whether the stream has ended, and what
    // went wrong.
    native("_pump(stream, data, flush, limit)", |vm, args| {
        let data = buffer(vm, &args[1])?;
        let flush = vm.to_i64(&args[2])?;
        let limit = usize::try_from(vm.to_i64(&args[3])?).unwrap_or(usize::MAX);
        let Some(state) = args[0].data::<State>() else { return Ok(Value::None) };
        let (mut out, mut used, mut end, mut wrong) = (Vec::new(), 0, false, None);
        loop {
            let room = CHUNK.min(limit - out.len());
            let start = out.len();
            out.resize(start + room, 0);
            let (result, read, written) = step(&mut state.0.borrow_mut(), &data[used..], &mut out[start..], flush);
            out.truncate(start + written);
            used += read;
            vm.check_size(out.len())?;
            match result {
                Ok(Status::StreamEnd) => end = true,
                Ok(_) if written == room && out.len() < limit => continue,
                Ok(_) => {}
                Err(message) => wrong = Some(message),
            }
            break;
        }
        Ok(Value::tuple([
            Value::bytes(out),
            Value::usize(used),
            Value::bool(end),
            wrong.map_or(Value::None, Value::string),
        ]))
    }),
];

fn new(vm: &Vm, stream: Stream) -> Value {
    Instance::native(&vm.types.object, State(RefCell::new(stream)))
}

/// One step; how much was read and written.
fn step(
    stream: &mut Stream,
    data: &[u8],
    out: &mut [u8],
    flush: i64,
) -> (std::result::Result<Status, String>, usize, usize) {
    match stream {
        Stream::Deflate(stream, fix) => {
            let (read, written) = (stream.total_in(), stream.total_out());
            let flush = match flush {
                0 => DeflateFlush::NoFlush,
                1 => DeflateFlush::PartialFlush,
                2 => DeflateFlush::SyncFlush,
                3 => DeflateFlush::FullFlush,
                5 => DeflateFlush::Block,
                _ => DeflateFlush::Finish,
            };
            let result = stream.compress(data, out, flush).map_err(|error| format!("Error {}", error as i32));
            for &(at, byte) in fix.iter() {
                if let Some(place) = at.checked_sub(written as usize).and_then(|at| out.get_mut(at)) {
                    *place = byte;
                }
            }
            (result, (stream.total_in() - read) as usize, (stream.total_out() - written) as usize)
        }
        Stream::Inflate(stream, dictionary) => {
            let (read, written) = (stream.total_in(), stream.total_out());
            let mut result = stream.decompress(data, out, InflateFlush::SyncFlush);
            if matches!(result, Err(InflateError::NeedDict { .. })) && !dictionary.is_empty() {
                let at = (stream.total_in() - read) as usize;
                result = match stream.set_dictionary(dictionary) {
                    Ok(_) => stream.decompress(&data[at..], out, InflateFlush::SyncFlush),
                    Err(_) => return (Err("Error -3 while setting zdict: invalid input data".to_owned()), at, 0),
                };
            }
            let result = result.map_err(|error| {
                let number = match error {
                    InflateError::NeedDict { .. } => 2,
                    InflateError::StreamError => -2,
                    InflateError::DataError => -3,
                    InflateError::MemError => -4,
                };
                let message = stream.error_message().map(|message| format!(": {message}")).unwrap_or_default();
                format!("Error {number} while decompressing data{message}")
            });
            (result, (stream.total_in() - read) as usize, (stream.total_out() - written) as usize)
        }
    }
}

fn checksum(vm: &mut Vm, args: &[Value], sum: fn(u32, &[u8]) -> u32) -> Result {
    let data = buffer(vm, &args[0])?;
    let start = vm.index(&args[1])?;
    // Only the lowest bits count.
    let mask = Value::Int(0xffff_ffff);
    let start = vm.binary(BinOp::BitAnd, &start, &mask)?;
    Ok(Value::Int(sum(start.as_int().unwrap_or(0) as u32, &data).into()))
}
