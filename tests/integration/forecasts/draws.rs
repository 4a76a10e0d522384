//! A random number generator (`SplitMix64`) that returns the same numbers on every machine.

pub struct Draws(u64);

impl Draws {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn between(&mut self, (low, high): (f64, f64)) -> f64 {
        low + (high - low) * self.unit()
    }

    pub fn lasting(&mut self, mean: f64) -> f64 {
        (-mean * (1.0 - self.unit()).ln()).max(1.0)
    }

    /// Returns a random factor that is usually close to 1 and rarely much larger.
    pub fn factor(&mut self, spread: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        (spread * radius * (std::f64::consts::TAU * self.unit()).cos()).exp()
    }
}
