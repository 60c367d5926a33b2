//! What each kind of mapping has for its pages: advice, locking, another length. memmap2 has these methods on three types.

/// The methods, for a type whose field `map` is a [`BestEffort`](::folio::best_effort::BestEffort).
macro_rules! steering_methods {
    () => {
        /// Tell the kernel how the mapping will be used; madvise(2).
        ///
        /// # Errors
        /// What madvise(2) answers.
        pub fn advise(&self, advice: $crate::Advice) -> std::io::Result<()> {
            self.map.advise(0, self.map.len(), advice as i32)
        }

        /// Give advice that can change bytes; madvise(2).
        ///
        /// # Safety
        /// Nobody has a slice of the bytes that change.
        ///
        /// # Errors
        /// What madvise(2) answers.
        #[expect(unsafe_code, reason = "memmap2's signature: clause E1")]
        pub unsafe fn unchecked_advise(
            &self,
            advice: $crate::UncheckedAdvice,
        ) -> std::io::Result<()> {
            self.map.advise(0, self.map.len(), advice as i32)
        }

        /// Tell the kernel how the `len` bytes from `offset` on will be used; madvise(2).
        ///
        /// # Errors
        /// `InvalidInput` if they reach past the end (memmap2 0.9.12 lets some such ranges through); what madvise(2) answers.
        pub fn advise_range(
            &self,
            advice: $crate::Advice,
            offset: usize,
            len: usize,
        ) -> std::io::Result<()> {
            self.map.advise(offset, len, advice as i32)
        }

        /// Give advice that can change bytes for the `len` bytes from `offset` on; madvise(2).
        ///
        /// # Safety
        /// Nobody has a slice of the bytes that change.
        ///
        /// # Errors
        /// As [`advise_range`](Self::advise_range).
        #[expect(unsafe_code, reason = "memmap2's signature: clause E1")]
        pub unsafe fn unchecked_advise_range(
            &self,
            advice: $crate::UncheckedAdvice,
            offset: usize,
            len: usize,
        ) -> std::io::Result<()> {
            self.map.advise(offset, len, advice as i32)
        }

        /// Lock the pages in memory; mlock(2).
        ///
        /// # Errors
        /// What mlock(2) answers.
        pub fn lock(&self) -> std::io::Result<()> {
            self.map.lock()
        }

        /// The opposite; munlock(2).
        ///
        /// # Errors
        /// What munlock(2) answers.
        pub fn unlock(&self) -> std::io::Result<()> {
            self.map.unlock()
        }

        /// Make the mapping `new_len` bytes long; mremap(2). One that was under a guarantee and grows shows the file as it
        /// changes from then on.
        ///
        /// # Safety
        /// As for mapping the file, for the new bytes. What lies past the end of the file reads as zero.
        ///
        /// # Errors
        /// What mremap(2) answers.
        #[expect(unsafe_code, reason = "memmap2's signature: clause E1")]
        pub unsafe fn remap(
            &mut self,
            new_len: usize,
            options: $crate::RemapOptions,
        ) -> std::io::Result<()> {
            self.map.resize(new_len, options.movement())
        }
    };
}

pub(crate) use steering_methods;
