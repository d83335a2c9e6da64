// Filling a panel with patches, written once over Simd<T>: see MoveKernel::gather. Runs are copied in whole vectors;
// what spills over the end of a run is overwritten by what comes behind it.

template <class T>
void gather_zeros(int64_t count, T *to) {
  using S = Simd<T>;
  for (int64_t j = 0; j < count; j += S::lanes) S::store(to + j, S::zero());
}

template <class T>
void gather_contiguous(int64_t count, const T *from, T *to) {
  using S = Simd<T>;
  int64_t j = 0;
  for (; j + S::lanes <= count; j += S::lanes) S::store(to + j, S::load(from + j));
  if (j < count) S::store(to + j, S::load(from + j, S::part(static_cast<int>(count - j))));
}

template <class T>
void gather(int64_t channels, int64_t taps, const int32_t *first_run, const PanelRun *runs, const T *x,
            int64_t channel_stride, int64_t step, T *panel, int64_t panel_row) {
  for (int64_t c = 0; c < channels; ++c, x += channel_stride) {
    for (int64_t t = 0; t < taps; ++t, panel += panel_row) {
      for (int32_t r = first_run[t]; r < first_run[t + 1]; ++r) {
        const PanelRun &run = runs[r];
        T *to = panel + run.column;
        if (run.from < 0) {
          gather_zeros(run.count, to);
        } else if (step == 1) {
          gather_contiguous(run.count, x + run.from, to);
        } else if (step == 2) {
          copy_every<T, 2>(run.count, x + run.from, to);
        } else if (step == 4) {
          copy_every<T, 4>(run.count, x + run.from, to);
        } else {
          for (int64_t j = 0; j < run.count; ++j) to[j] = x[run.from + j * step];
        }
      }
    }
  }
}
