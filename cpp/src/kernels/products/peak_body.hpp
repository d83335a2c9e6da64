// What a core can multiply and add at most: chains of fused multiply-adds that wait for nothing but themselves. 12 chains
// hide a latency of 4 cycles on up to 3 units, and with their two operands fit 16 registers.

constexpr int chains = 12;

// Without fused multiply-adds (portable) a step is a product and a sum that wait for each other, counted alike.
template <class T>
[[gnu::noinline]] T multiply_add(int64_t steps, T start) {
  using S = Simd<T>;
  const typename S::Vector factor = S::broadcast(start), term = S::broadcast(T(1) - start);
  typename S::Vector chain[chains];
#pragma GCC unroll 32
  for (int i = 0; i < chains; ++i) chain[i] = S::broadcast(start + T(i));
  for (int64_t step = 0; step < steps; ++step) {
#pragma GCC unroll 32
    for (int i = 0; i < chains; ++i) chain[i] = S::fma(chain[i], factor, term);
  }
  T lanes[S::lanes], sum = 0;
#pragma GCC unroll 32
  for (int i = 0; i < chains; ++i) {
    S::store(lanes, chain[i]);
    sum += lanes[0];
  }
  return sum;
}

template <class T>
constexpr int64_t peak_flops = 2 * chains * Simd<T>::lanes;
