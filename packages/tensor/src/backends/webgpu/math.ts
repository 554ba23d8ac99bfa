/**
 * Functions of generated shaders that WGSL lacks, or gives with too few digits: its exp, sin, atan and tanh may err by
 * thousands of ulp, its max may lose NaN, and x % 0 is x. Polynomials are minimax fits made for these intervals, as in the
 * wasm backend's math.ts; accuracy is some ulp of float32 everywhere.
 *
 * Bit patterns take the place of comparisons with NaN and infinity, which a shader compiler may take to be absent.
 */
const functions: Record<string, string> = {
  as_float: "fn as_float(b: u32) -> f32 { return bitcast<f32>(b); }",
  nan_: "fn nan_() -> f32 { return as_float(0x7fc00000u); }",
  infinity_: "fn infinity_() -> f32 { return as_float(0x7f800000u); }",
  is_nan: "fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }",
  with_sign: "fn with_sign(x: f32, m: f32) -> f32 { return bitcast<f32>((bitcast<u32>(x) & 0x80000000u) | bitcast<u32>(m)); }",
  /** 2^n for n from -126 to 127. */
  power2: "fn power2(n: i32) -> f32 { return bitcast<f32>((n + 127) << 23u); }",
  /** The first twelve bits of a number: products of two such are exact. */
  head: "fn head(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) & 0xfffff000u); }",

  max_: `fn max_(a: f32, b: f32) -> f32 {
  if (is_nan(a)) { return a; }
  if (is_nan(b)) { return b; }
  if (a == b) { return bitcast<f32>(bitcast<u32>(a) & bitcast<u32>(b)); }
  return select(b, a, a > b);
}`,
  min_: `fn min_(a: f32, b: f32) -> f32 {
  if (is_nan(a)) { return a; }
  if (is_nan(b)) { return b; }
  if (a == b) { return bitcast<f32>(bitcast<u32>(a) | bitcast<u32>(b)); }
  return select(b, a, a < b);
}`,
  sign_: `fn sign_(x: f32) -> f32 {
  let magnitude = bitcast<u32>(x) & 0x7fffffffu;
  if (magnitude == 0u || magnitude > 0x7f800000u) { return x; }
  return with_sign(x, 1.0);
}`,

  exp_poly: `fn exp_poly(r: f32) -> f32 {
  return fma(fma(fma(fma(fma(fma(0.0013814467238262296, r, 0.008368780836462975), r, 0.04166839271783829), r, 0.1666651964187622), r, 0.4999999403953552), r, 1.0), r, 1.0);
}`,
  reduce_ln2: "fn reduce_ln2(x: f32, n: f32) -> f32 { return fma(-n, -0.00021219444170128554, fma(-n, 0.693359375, x)); }",
  exp_: `fn exp_(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  let c = clamp(x, -104.5, 89.0);
  let n = round(c * 1.4426950408889634);
  let i = i32(n);
  let half = i >> 1u;
  return exp_poly(reduce_ln2(c, n)) * power2(half) * power2(i - half);
}`,
  expm1_: `fn expm1_(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  let c = clamp(x, -18.0, 89.0);
  let n = min(round(c * 1.4426950408889634), 127.0);
  let r = reduce_ln2(c, n);
  let scale = power2(i32(n));
  let q = fma(fma(fma(fma(fma(fma(2.761633732006885e-5, r, 0.0001993176992982626), r, 0.0013876871671527624), r, 0.008333290927112103), r, 0.04166680574417114), r, 0.1666666716337204), r, 0.5);
  let p = fma(r * r, q, r);
  let y = fma(p, scale, scale - 1.0);
  return with_sign(x, abs(y));
}`,
  tanh_: `fn tanh_(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  let a = min(abs(x), 10.0);
  let s = a * a;
  let q = fma(fma(fma(fma(-0.006282473914325237, s, 0.021077759563922882), s, -0.05385385826230049), s, 0.13332602381706238), s, -0.33333319425582886);
  let small = fma(a * s, q, a);
  let n = round(a * 2.8853900817779268);
  let e = exp_poly(reduce_ln2(a + a, n)) * power2(i32(n));
  return with_sign(x, select(1.0 - 2.0 / (e + 1.0), small, a < 0.55));
}`,
  sinh_: `fn sinh_(x: f32) -> f32 {
  let a = abs(x);
  if (a < 10.0) { let t = expm1_(a); return with_sign(x, 0.5 * (t + t / (t + 1.0))); }
  let h = exp_(0.5 * a);
  return with_sign(x, (0.5 * h) * h);
}`,
  cosh_: `fn cosh_(x: f32) -> f32 {
  let h = exp_(0.5 * abs(x));
  let e = h * h;
  if (abs(x) < 10.0) { return 0.5 * (e + 1.0 / e); }
  return (0.5 * h) * h;
}`,
  erf_: `fn erf_(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  let a = abs(x);
  if (a <= 1.65) {
    let s = fma(x, x, -1.375);
    let q = fma(fma(fma(fma(fma(fma(fma(fma(4.970868303644238e-7, s, -4.690816240326967e-6), s, 3.7122001231182367e-5), s, -0.0002715298905968666), s, 0.0017360933125019073), s, -0.009521153755486012), s, 0.04423955827951431), s, -0.17620545625686646), s, -0.2301359921693802);
    return fma(q, x, x);
  }
  let t = min(a, 4.0);
  let y = -t * fma(fma(fma(fma(0.0010079273488372564, t, -0.013861405663192272), t, 0.08693905174732208), t, 0.6541755199432373), t, 1.121127724647522);
  return with_sign(x, 1.0 - exp_(y));
}`,

  log_tail: `fn log_tail(f: f32) -> f32 {
  return fma(fma(fma(fma(fma(fma(fma(fma(-0.12891755998134613, f, 0.13984446227550507), f, -0.12184245884418488), f, 0.14005866646766663), f, -0.16680487990379333), f, 0.20010405778884888), f, -0.24999797344207764), f, 0.3333321511745453), f, -0.5);
}`,
  /** The exponent e of x = 2^e (1 + f), 1 + f in [2/3, 4/3), times 2^23. */
  exponent_: "fn exponent_(x: f32) -> i32 { return (bitcast<i32>(x) - 0x3f2aaaab) & i32(-8388608); }",
  combine_log: `fn combine_log(e: i32, f: f32) -> f32 {
  let n = f32(e >> 23u);
  return fma(n, 0.693145751953125, fma(n, 1.428606765330187e-6, fma(f * f, log_tail(f), f)));
}`,
  combine_log2: `fn combine_log2(e: i32, f: f32) -> f32 {
  let tail = fma(f * f * log_tail(f), 1.4426950408889634, f * 0.44269504088896343);
  return (f32(e >> 23u) + f) + tail;
}`,
  combine_log10: `fn combine_log10(e: i32, f: f32) -> f32 {
  let n = f32(e >> 23u);
  return fma(n, 0.301025390625, fma(n, 4.605038981195214e-6, fma(f * f, log_tail(f), f) * 0.4342944819032518));
}`,
  ...logarithm("log"),
  ...logarithm("log2"),
  ...logarithm("log10"),
  log1p_: `fn log1p_(x: f32) -> f32 {
  let magnitude = bitcast<u32>(x) & 0x7fffffffu;
  if (magnitude > 0x7f800000u || magnitude < 0x33000000u) { return x; }
  if (x <= -1.0) { return select(nan_(), -infinity_(), x == -1.0); }
  if (magnitude == 0x7f800000u) { return x; }
  let e = exponent_(x + 1.0);
  let scale = bitcast<f32>(0x40800000 - e);
  return combine_log(e, fma(scale, x * 0.25, fma(scale, 0.25, -1.0)));
}`,

  /** High word of a product. */
  multiply_high: `fn multiply_high(a: u32, b: u32) -> u32 {
  let al = a & 0xffffu; let ah = a >> 16u; let bl = b & 0xffffu; let bh = b >> 16u;
  let low = al * bl; let m1 = ah * bl; let m2 = al * bh;
  let carry = ((low >> 16u) + (m1 & 0xffffu) + (m2 & 0xffffu)) >> 16u;
  return ah * bh + (m1 >> 16u) + (m2 >> 16u) + carry;
}`,
  two_over_pi: `fn two_over_pi(i: u32) -> u32 {
  var words = array<u32, 8>(0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu);
  return words[min(i, 7u)];
}`,
  /** x = n pi/2 + r with |r| <= pi/4, n modulo 4: Cody and Waite's three parts; beyond them Payne and Hanek's way. */
  quarter_turns: `struct Turns { n: i32, r: f32 }
fn quarter_turns(x: f32) -> Turns {
  if (abs(x) < 12000.0) {
    let n = round(x * 0.6366197723675814);
    let r = fma(-n, 7.549790126404332e-8, fma(-n, 0.0004837512969970703, fma(-n, 1.5703125, x)));
    return Turns(i32(n), r);
  }
  let b = bitcast<u32>(x);
  let e = ((b >> 23u) & 255u) - 127u; // at least 13
  let m = (b & 0x7fffffu) | 0x800000u; // x = m 2^(e - 23)
  // Bits of 2/pi of which the product is no multiple of four whole quarter turns.
  let shift = (e + 7u) & 31u;
  let word = (e + 7u) >> 5u;
  var w: array<u32, 3>;
  for (var i = 0u; i < 3u; i++) {
    let high = two_over_pi(word + i);
    w[i] = select((high << shift) | (two_over_pi(word + i + 1u) >> (32u - max(shift, 1u))), high, shift == 0u);
  }
  let low = m * w[1];
  let p1 = low + multiply_high(m, w[2]);
  let p0 = m * w[0] + multiply_high(m, w[1]) + select(0u, 1u, p1 < low);
  var n = p0 >> 30u;
  var f1 = (p0 << 2u) | (p1 >> 30u);
  var f2 = p1 << 2u;
  let up = f1 >= 0x80000000u;
  if (up) { n += 1u; f2 = ~f2; f1 = ~f1; }
  let r = (f32(f1) * 2.3283064365386963e-10 + f32(f2) * 5.421010862427522e-20) * 1.5707963267948966;
  let signed = select(r, -r, up);
  return Turns(select(i32(n), -i32(n), x < 0.0), select(signed, -signed, x < 0.0));
}`,
  sin_poly: `fn sin_poly(r: f32) -> f32 {
  let s = r * r;
  return fma(r * s, fma(fma(-0.00019517235341481864, s, 0.008332177996635437), s, -0.16666655242443085), r);
}`,
  cos_poly: `fn cos_poly(r: f32) -> f32 {
  let s = r * r;
  return fma(s, fma(fma(fma(2.4438379114144482e-5, s, -0.0013887366712790322), s, 0.04166664555668831), s, -0.5), 1.0);
}`,
  not_finite: "fn not_finite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) == 0x7f800000u; }",
  sin_: `fn sin_(x: f32) -> f32 {
  if (not_finite(x)) { return nan_(); }
  let t = quarter_turns(x);
  if (t.r == 0.0 && t.n == 0) { return x; }
  let y = select(sin_poly(t.r), cos_poly(t.r), (t.n & 1) != 0);
  return select(y, -y, (t.n & 2) != 0);
}`,
  cos_: `fn cos_(x: f32) -> f32 {
  if (not_finite(x)) { return nan_(); }
  let t = quarter_turns(x);
  let y = select(cos_poly(t.r), sin_poly(t.r), (t.n & 1) != 0);
  return select(y, -y, ((t.n + 1) & 2) != 0);
}`,
  tan_: `fn tan_(x: f32) -> f32 {
  if (not_finite(x)) { return nan_(); }
  let t = quarter_turns(x);
  if (t.r == 0.0 && t.n == 0) { return x; }
  let s = sin_poly(t.r);
  let c = cos_poly(t.r);
  return select(s / c, -c / s, (t.n & 1) != 0);
}`,
  atan_: `fn atan_(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  let a = abs(x);
  var base = 0.0;
  var t = a;
  if (a > 2.414213562373095) { base = 1.5707963267948966; t = select(-1.0 / a, 0.0, a > 1e30); }
  else if (a > 0.4142135623730950) { base = 0.7853981633974483; t = (a - 1.0) / (a + 1.0); }
  let z = t * t;
  let p = fma(fma(fma(fma(-0.060834046453237534, z, 0.10595980286598206), z, -0.14243845641613007), z, 0.19998489320278168), z, -0.33333316445350647);
  return with_sign(x, base + fma(t * z, p, t));
}`,
  atan2_: `fn atan2_(y: f32, x: f32) -> f32 {
  if (is_nan(y)) { return y; }
  if (is_nan(x)) { return x; }
  let a = abs(y);
  let b = abs(x);
  let scale = select(select(1.0, 18446744073709551616.0, max(a, b) < 1e-19), 5.421010862427522e-20, max(a, b) > 1e19);
  var r: f32;
  if (not_finite(a) && not_finite(b)) { r = 0.7853981633974483; }
  else if (a == 0.0 && b == 0.0) { r = 0.0; }
  else if (a > b) { r = 1.5707963267948966 - atan_(select((b * scale) / (a * scale), 0.0, not_finite(a))); }
  else { r = atan_(select((a * scale) / (b * scale), 0.0, not_finite(b))); }
  return with_sign(y, select(r, 3.1415926535897932 - r, bitcast<i32>(x) < 0));
}`,
  asin_poly: `fn asin_poly(t: f32) -> f32 {
  let z = t * t;
  let p = fma(fma(fma(fma(0.042218491435050964, z, 0.02414763532578945), z, 0.04547709599137306), z, 0.07495241612195969), z, 0.16666753590106964);
  return fma(t * z, p, t);
}`,
  asin_: `fn asin_(x: f32) -> f32 {
  let a = abs(x);
  if (is_nan(x)) { return x; }
  if (a > 1.0) { return nan_(); }
  if (a <= 0.5) { return with_sign(x, asin_poly(a)); }
  return with_sign(x, 1.5707963267948966 - 2.0 * asin_poly(sqrt(0.5 * (1.0 - a))));
}`,
  acos_: `fn acos_(x: f32) -> f32 {
  let a = abs(x);
  if (is_nan(x)) { return x; }
  if (a > 1.0) { return nan_(); }
  if (a <= 0.5) { return 1.5707963267948966 - asin_poly(x); }
  let y = 2.0 * asin_poly(sqrt(0.5 * (1.0 - a)));
  return select(y, 3.1415926535897932 - y, x < 0.0);
}`,
  asinh_: `fn asinh_(x: f32) -> f32 {
  let a = abs(x);
  if (not_finite(x) || a < 1e-5) { return x; }
  if (a > 4096.0) { return with_sign(x, log_(a) + 0.6931471805599453); }
  return with_sign(x, log1p_(a + a * a / (1.0 + sqrt(a * a + 1.0))));
}`,
  acosh_: `fn acosh_(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  if (x < 1.0) { return nan_(); }
  if (not_finite(x)) { return x; }
  if (x > 4096.0) { return log_(x) + 0.6931471805599453; }
  let t = x - 1.0;
  return log1p_(t + sqrt(2.0 * t + t * t));
}`,
  atanh_: `fn atanh_(x: f32) -> f32 {
  let a = abs(x);
  if (is_nan(x) || a < 1e-5) { return x; }
  if (a > 1.0) { return nan_(); }
  if (a == 1.0) { return with_sign(x, infinity_()); }
  return with_sign(x, 0.5 * log1p_(2.0 * a / (1.0 - a)));
}`,

  /** |x|^y = 2^(y log2 |x|) with the logarithm in two parts; specials as IEEE 754 and C have them. */
  pow_: `fn pow_(x: f32, y: f32) -> f32 {
  if (y == 0.0 || x == 1.0) { return 1.0; }
  if (is_nan(x) || is_nan(y)) { return nan_(); }
  let a = abs(x);
  let whole = floor(y) == y;
  let odd = whole && abs(y) < 16777216.0 && (i32(clamp(y, -16777216.0, 16777216.0)) & 1) != 0;
  let negative = bitcast<i32>(x) < 0;
  var magnitude: f32;
  if (not_finite(y)) {
    if (a == 1.0) { return 1.0; }
    return select(0.0, infinity_(), (a > 1.0) == (y > 0.0));
  }
  if (a == 0.0) { magnitude = select(infinity_(), 0.0, y > 0.0); }
  else if (not_finite(a)) { magnitude = select(0.0, infinity_(), y > 0.0); }
  else {
    if (negative && !whole) { return nan_(); }
    let subnormal = a < 1.1754943508222875e-38;
    let b = select(a, a * 8388608.0, subnormal);
    let e = exponent_(b);
    let m = bitcast<f32>(bitcast<i32>(b) - e);
    let n = f32(e >> 23u) - select(0.0, 23.0, subnormal);
    // log2 m = 2 / ln 2 (s + s^3/3 + ...), s = (m - 1) / (m + 1) in two parts.
    let f = m - 1.0;
    let d = m + 1.0;
    let s = f / d;
    let sh = head(s);
    let dh = head(d);
    let sl = ((f - sh * dh) - sh * (m - (dh - 1.0))) / d;
    let z = s * s;
    let rest = sl + s * z * fma(fma(fma(0.12051752954721451, z, 0.14253395795822144), z, 0.20000433921813965), z, 0.3333333134651184);
    let big = sh * 2.884765625;
    let small = fma(sh, 0.000624456777926774, rest * 2.885390081777927);
    let h = head(n + big);
    let l = ((n - h) + big) + small;
    let yh = head(y);
    let p = yh * h;
    let q = fma(y - yh, h + l, yh * l);
    if (abs(p + q) > 400.0) { magnitude = select(0.0, infinity_(), p + q > 0.0); }
    else {
      let k = clamp(round(p + q), -250.0, 250.0);
      let r = ((p - k) + q) * 0.6931471805599453;
      let i = i32(k);
      let half = i >> 1u;
      magnitude = exp_poly(r) * power2(half) * power2(i - half);
    }
  }
  return select(magnitude, -magnitude, negative && odd);
}`,

  /** The remainder of |a| / |b| towards zero, exact: long division of the mantissas. */
  fmod_: `fn fmod_(a: f32, b: f32) -> f32 {
  var x = bitcast<u32>(a) & 0x7fffffffu;
  let y = bitcast<u32>(b) & 0x7fffffffu;
  if (y == 0u || x >= 0x7f800000u || y > 0x7f800000u) { return nan_(); }
  if (x < y) { return bitcast<f32>(x); }
  var ex = i32(x >> 23u);
  var ey = i32(y >> 23u);
  var mx = x & 0x7fffffu;
  var my = y & 0x7fffffu;
  if (ex == 0) { ex = 1; } else { mx |= 0x800000u; }
  if (ey == 0) { ey = 1; } else { my |= 0x800000u; }
  for (; ex > ey; ex--) {
    if (mx >= my) { mx -= my; }
    mx <<= 1u;
  }
  if (mx >= my) { mx -= my; }
  if (mx == 0u) { return 0.0; }
  for (; mx < 0x800000u && ex > 1; ex--) { mx <<= 1u; }
  if (mx >= 0x800000u) { return bitcast<f32>((mx & 0x7fffffu) | (u32(ex) << 23u)); }
  return bitcast<f32>(mx);
}`,
  mod_: `fn mod_(a: f32, b: f32) -> f32 {
  if (is_nan(a)) { return a; }
  if (is_nan(b)) { return b; }
  let r = fmod_(a, b);
  if (is_nan(r)) { return r; }
  if (r == 0.0) { return with_sign(b, 0.0); }
  let signed = with_sign(a, r);
  return select(signed, signed + b, (a < 0.0) != (b < 0.0));
}`,
  floor_div: `fn floor_div(a: f32, b: f32) -> f32 {
  if (is_nan(a)) { return a; }
  if (is_nan(b)) { return b; }
  if (b == 0.0) {
    if (a == 0.0) { return nan_(); }
    return select(infinity_(), -infinity_(), (bitcast<i32>(a) < 0) != (bitcast<i32>(b) < 0));
  }
  if (not_finite(a)) { return nan_(); }
  let different = (a < 0.0) != (b < 0.0);
  let r = fmod_(a, b);
  var q = (with_sign(a, abs(a) - r)) / b;
  q = round(q);
  if (r != 0.0 && different) { q -= 1.0; }
  if (q == 0.0) { return select(0.0, -0.0, different); }
  return q;
}`,
  next_after: `fn next_after(a: f32, b: f32) -> f32 {
  if (is_nan(a)) { return a; }
  if (is_nan(b)) { return b; }
  if (bitcast<u32>(a) == bitcast<u32>(b)) { return b; }
  let i = bitcast<i32>(a);
  let j = bitcast<i32>(b);
  // Bits as numbers in the order of the floats.
  let x = select(i, i32(-2147483648) - i, i < 0);
  let y = select(j, i32(-2147483648) - j, j < 0);
  if (x == y) { return b; }
  if (x == 0) { return bitcast<f32>(select(0x80000001u, 1u, y > 0)); }
  let away = (x < y) == (x > 0);
  return bitcast<f32>(select(i - 1, i + 1, away));
}`,

  int_mod: `fn int_mod(a: i32, b: i32) -> i32 {
  if (b == 0 || b == -1) { return 0; }
  let r = a % b;
  return select(r, r + b, r != 0 && (r < 0) != (b < 0));
}`,
  int_floor_div: `fn int_floor_div(a: i32, b: i32) -> i32 {
  if (b == 0) { return 0; }
  if (b == -1) { return 0 - a; }
  let r = a % b;
  return a / b - select(0, 1, r != 0 && (r < 0) != (b < 0));
}`,
  uint_mod: "fn uint_mod(a: u32, b: u32) -> u32 { return select(a % max(b, 1u), 0u, b == 0u); }",
  uint_floor_div: "fn uint_floor_div(a: u32, b: u32) -> u32 { return select(a / max(b, 1u), 0u, b == 0u); }",
  uint_pow: `fn uint_pow(a: u32, b: u32) -> u32 {
  var result = 1u;
  var base = a;
  for (var e = b; e > 0u; e >>= 1u) {
    if ((e & 1u) != 0u) { result *= base; }
    base *= base;
  }
  return result;
}`,
  int_pow: `fn int_pow(a: i32, b: i32) -> i32 {
  if (b < 0) { return select(select(0, select(1, -1, (b & 1) != 0), a == -1), 1, a == 1); }
  return bitcast<i32>(uint_pow(bitcast<u32>(a), u32(b)));
}`,
  to_int: `fn to_int(x: f32, low: i32, high: i32) -> i32 {
  if (is_nan(x)) { return 0; }
  if (x >= f32(high)) { return high; }
  if (x <= f32(low)) { return low; }
  return i32(x);
}`,
  to_uint: `fn to_uint(x: f32, high: u32) -> u32 {
  if (is_nan(x) || x <= 0.0) { return 0u; }
  if (x >= f32(high)) { return high; }
  return u32(x);
}`,
  /** The float16 nearest to a float32 (ties to even), as its bits; and back. */
  half_bits: `fn half_bits(x: f32) -> u32 {
  let b = bitcast<u32>(x);
  let sign = (b >> 16u) & 0x8000u;
  let m = b & 0x7fffffffu;
  if (m > 0x7f800000u) { return 0x7e00u; }
  if (m >= 0x477ff000u) { return sign | 0x7c00u; }
  if (m < 0x38800000u) {
    if (m < 0x33000000u) { return sign; }
    let shift = 126u - (m >> 23u);
    let full = (m & 0x7fffffu) | 0x800000u;
    let kept = full >> shift;
    let lost = full & ((1u << shift) - 1u);
    let middle = 1u << (shift - 1u);
    return sign | (kept + select(0u, 1u, lost > middle || (lost == middle && (kept & 1u) != 0u)));
  }
  return sign | ((m - 0x38000000u + 0xfffu + ((m >> 13u) & 1u)) >> 13u);
}`,
  half_value: `fn half_value(h: u32) -> f32 {
  let sign = (h & 0x8000u) << 16u;
  let e = (h >> 10u) & 31u;
  let m = h & 0x3ffu;
  if (e == 31u) { return bitcast<f32>(sign | 0x7f800000u | (m << 13u)); }
  if (e == 0u) { return with_sign(bitcast<f32>(sign | 0x3f800000u), f32(m) * 5.9604644775390625e-8); }
  return bitcast<f32>(sign | ((e + 112u) << 23u) | (m << 13u));
}`,
  brain_bits: `fn brain_bits(x: f32) -> u32 {
  if (is_nan(x)) { return 0x7fc0u; }
  let b = bitcast<u32>(x);
  return (b + 0x7fffu + ((b >> 16u) & 1u)) >> 16u;
}`,
  round_half: "fn round_half(x: f32) -> f32 { return half_value(half_bits(x)); }",
  round_brain: "fn round_brain(x: f32) -> f32 { return bitcast<f32>(brain_bits(x) << 16u); }",

  /** Bits in the order of the numbers, NaN last whichever way. */
  float_key: `fn float_key(x: f32, descending: bool) -> u32 {
  if (is_nan(x)) { return 0xffffffffu; }
  let b = select(bitcast<u32>(x), 0u, x == 0.0);
  let key = select(b | 0x80000000u, ~b, b >= 0x80000000u);
  return select(key, ~key, descending);
}`,
  int_key: "fn int_key(x: i32, descending: bool) -> u32 { return uint_key(bitcast<u32>(x) ^ 0x80000000u, descending); }",
  uint_key: "fn uint_key(x: u32, descending: bool) -> u32 { return select(x, ~x, descending); }",

  /** Threefry-2x32 with 20 rounds (Salmon et al. 2011): the first word for the counter (c, 0). */
  threefry: `fn threefry(k0: u32, k1: u32, c: u32) -> u32 {
  let k2 = k0 ^ k1 ^ 0x1bd11bdau;
  var x = vec2u(c + k0, k1);
  x = four_rounds(x, 13u, 15u, 26u, 6u) + vec2u(k1, k2 + 1u);
  x = four_rounds(x, 17u, 29u, 16u, 24u) + vec2u(k2, k0 + 2u);
  x = four_rounds(x, 13u, 15u, 26u, 6u) + vec2u(k0, k1 + 3u);
  x = four_rounds(x, 17u, 29u, 16u, 24u) + vec2u(k1, k2 + 4u);
  x = four_rounds(x, 13u, 15u, 26u, 6u) + vec2u(k2, k0 + 5u);
  return x.x;
}`,
  four_rounds: `fn four_rounds(start: vec2u, a: u32, b: u32, c: u32, d: u32) -> vec2u {
  return one_round(one_round(one_round(one_round(start, a), b), c), d);
}`,
  one_round: `fn one_round(x: vec2u, r: u32) -> vec2u {
  let s = x.x + x.y;
  return vec2u(s, ((x.y << r) | (x.y >> (32u - r))) ^ s);
}`,
};

function logarithm(name: string): Record<string, string> {
  return {
    [`${name}_`]: `fn ${name}_(x: f32) -> f32 {
  let b = bitcast<u32>(x);
  if (b - 0x00800000u < 0x7f000000u) {
    let e = exponent_(x);
    return combine_${name}(e, bitcast<f32>(bitcast<i32>(x) - e) - 1.0);
  }
  if ((b & 0x7fffffffu) == 0u) { return -infinity_(); }
  if (is_nan(x) || b == 0x7f800000u) { return x; }
  if (b >= 0x80000000u) { return nan_(); }
  let y = f32(b) ; // a subnormal number is its bits times 2^-149
  let e = exponent_(y);
  return combine_${name}(e - (149 << 23u), bitcast<f32>(bitcast<i32>(y) - e) - 1.0);
}`,
  };
}

/** The functions that a piece of WGSL calls, and those that they call, ready to stand before it. */
export function library(code: string): string {
  const found = new Set<string>();
  const visit = (text: string): void => {
    for (const [word] of text.matchAll(/[a-z_][a-z0-9_]*(?=\()/g))
      if (word in functions && !found.has(word)) {
        found.add(word);
        visit(functions[word]!);
      }
  };
  visit(code);
  return [...found].map((name) => functions[name]!).join("\n");
}
