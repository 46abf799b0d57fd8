//! Seeded random numbers: xoshiro256++ (Blackman and Vigna), its state filled by splitmix64. The
//! same seed gives the same workload on every machine.

/// The generator.
pub struct Random([u64; 4]);

impl Random {
    /// The generator of this seed.
    pub fn new(seed: u64) -> Self {
        let mut state = seed;
        Self([(); 4].map(|()| splitmix64(&mut state)))
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        let [a, b, c, d] = self.0;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.0 = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        result
    }

    /// A number below `n`: the high half of the product with 64 random bits.
    pub fn below(&mut self, n: u32) -> u32 {
        let product = u128::from(self.next()) * u128::from(n);
        u32::try_from(product >> 64).unwrap_or_default()
    }

    /// Whether an event of `percent` in a hundred happens.
    pub fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// A number in 0..1 with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        const SCALE: f64 = 1.0 / (1_u64 << 53) as f64;
        (self.next() >> 11) as f64 * SCALE
    }

    /// A bounded Pareto number between `low` and `high`.
    pub fn pareto(&mut self, low: f64, high: f64, alpha: f64) -> f64 {
        let share = 1.0 - self.unit() * (1.0 - (low / high).powf(alpha));
        low / share.powf(1.0 / alpha)
    }

    /// How often a coin shows heads before the first tails.
    pub fn geometric(&mut self) -> u32 {
        self.next().trailing_ones()
    }
}

fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
