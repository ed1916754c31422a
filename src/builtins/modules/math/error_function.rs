//! The error function and its complement, by the rational approximations of fdlibm, which C libraries use: powers of the
//! argument are joined in pairs, as these do, since the last digit depends on it.

/// For arguments below 0.84375, in their square.
const NEAR_P: [f64; 5] = [
    0.128_379_167_095_512_56, -0.325_042_107_247_001_5, -0.028_481_749_575_598_51, -0.005_770_270_296_489_442,
    -2.3763016656650163e-05,
];
const NEAR_Q: [f64; 6] = [
    1.0, 0.397_917_223_959_155_35, 0.065_022_249_988_767_3, 0.005_081_306_281_875_766, 0.000_132_494_738_004_321_64,
    -3.960228278775368e-06,
];
/// Around 1, in the distance from there.
const ONE_P: [f64; 7] = [
    -0.002_362_118_560_752_659_4, 0.414_856_118_683_748_33, -0.372_207_876_035_701_3, 0.318_346_619_901_161_75,
    -0.110_894_694_282_396_68, 0.035_478_304_325_618_236, -0.002_166_375_594_868_791,
];
const ONE_Q: [f64; 7] = [
    1.0, 0.106_420_880_400_844_23, 0.540_397_917_702_171, 0.071_828_654_414_196_27, 0.126_171_219_808_761_64,
    0.013_637_083_912_029_05, 0.011_984_499_846_799_107,
];
/// From 1.25 to 1 / 0.35, in the square of the inverse.
const FAR_P: [f64; 8] = [
    -0.009_864_944_034_847_148, -0.693_858_572_707_181_8, -10.558_626_225_323_291, -62.375_332_450_326_006,
    -162.396_669_462_573_47, -184.605_092_906_711_04, -81.287_435_506_306_6, -9.814_329_344_169_145,
];
const FAR_Q: [f64; 9] = [
    1.0, 19.651_271_667_439_257, 137.657_754_143_519_04, 434.565_877_475_229_23, 645.387_271_733_267_9,
    429.008_140_027_567_83, 108.635_005_541_779_44, 6.570_249_770_319_282, -0.060_424_415_214_858_1,
];
/// Beyond.
const TAIL_P: [f64; 7] = [
    -0.009_864_942_924_700_1, -0.799_283_237_680_523, -17.757_954_917_754_752, -160.636_384_855_821_92,
    -637.566_443_368_389_6, -1_025.095_131_611_077_2, -483.519_191_608_651_4,
];
const TAIL_Q: [f64; 8] = [
    1.0, 30.338_060_743_482_46, 325.792_512_996_573_9, 1_536.729_586_084_437, 3_199.858_219_508_595_5,
    2_553.050_406_433_164_4, 474.528_541_206_955_37, -22.440_952_446_585_82,
];
/// What is added to the ratio around 1, a number of few bits.
const AT_ONE: f64 = 0.845_062_911_510_467_5;
/// 2 / sqrt(pi) - 1.
const SLOPE: f64 = 0.128_379_167_095_512_6;

/// A polynomial, lowest power first.
fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    let (square, mut power, mut sum) = (x * x, 1.0, 0.0);
    for (at, pair) in coefficients.chunks(2).enumerate() {
        let value = pair.get(1).map_or(pair[0], |second| pair[0] + x * second);
        match at {
            0 => sum = value,
            1 => power = square,
            // The eighth power is the square of the fourth.
            4 => power = square * square * (square * square),
            _ => power *= square,
        }
        if at > 0 {
            sum += power * value;
        }
    }
    sum
}

fn ratio(above: &[f64], below: &[f64], x: f64) -> f64 {
    polynomial(above, x) / polynomial(below, x)
}

/// The complement for an argument of at least 1.25, times that argument.
fn tail(x: f64) -> f64 {
    let s = 1.0 / (x * x);
    let near = x.to_bits() >> 32 < 0x4006_DB6E;
    let r = if near { ratio(&FAR_P, &FAR_Q, s) } else { ratio(&TAIL_P, &TAIL_Q, s) };
    // The square of the argument is split, since it would lose digits in the exponent.
    let z = f64::from_bits(x.to_bits() & 0xFFFF_FFFF_0000_0000);
    (-z * z - 0.5625).exp() * ((z - x) * (z + x) + r).exp()
}

pub(super) fn erf(x: f64) -> f64 {
    let size = x.abs();
    if size < 2f64.powi(-28) {
        // Tiny ones are scaled, so that nothing is lost where numbers become denormal.
        return if size < f64::MIN_POSITIVE { 0.0625 * (16.0 * x + 16.0 * SLOPE * x) } else { x + SLOPE * x };
    }
    if size < 0.84375 {
        return x + x * ratio(&NEAR_P, &NEAR_Q, x * x);
    }
    let result = match size {
        s if s < 1.25 => AT_ONE + ratio(&ONE_P, &ONE_Q, s - 1.0),
        s if s < 6.0 => 1.0 - tail(s) / s,
        s if s.is_nan() => return x,
        _ => 1.0,
    };
    result.copysign(x)
}

pub(super) fn erfc(x: f64) -> f64 {
    let size = x.abs();
    if size < 2f64.powi(-56) {
        return 1.0 - x;
    }
    if size < 0.84375 {
        let y = ratio(&NEAR_P, &NEAR_Q, x * x);
        return if x < 0.25 { 1.0 - (x + x * y) } else { 0.5 - (x - 0.5 + x * y) };
    }
    match size {
        s if s < 1.25 && x < 0.0 => 1.0 + (AT_ONE + ratio(&ONE_P, &ONE_Q, s - 1.0)),
        s if s < 1.25 => 1.0 - AT_ONE - ratio(&ONE_P, &ONE_Q, s - 1.0),
        s if s.is_nan() => x,
        _ if x < -6.0 => 2.0,
        s if x < 0.0 => 2.0 - tail(s) / s,
        s if s < 28.0 => tail(s) / s,
        _ => 0.0,
    }
}
