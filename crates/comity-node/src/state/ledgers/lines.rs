//! Lines by number, where a stretch without any costs nothing.

/// Lines by number, ascending. Numbers that an epoch passed over have none, and take no room, however
/// many they are: how many, a partner says.
#[derive(Debug)]
pub(super) struct Lines<T> {
    /// Ascending, not empty, and no two of them touch.
    blocks: Vec<Block<T>>,
}

#[derive(Debug)]
struct Block<T> {
    first: u64,
    lines: Vec<T>,
}

impl<T> Block<T> {
    /// The number after its last.
    fn end(&self) -> u64 {
        self.first.saturating_add(self.lines.len() as u64)
    }

    fn place(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.first)?).ok()
    }
}

impl<T> Default for Lines<T> {
    fn default() -> Self {
        Self { blocks: Vec::new() }
    }
}

impl<T> Lines<T> {
    /// Adds the line of a number above all that are here. Whether it is above.
    pub(super) fn put(&mut self, number: u64, line: T) -> bool {
        match self.blocks.last_mut() {
            Some(last) if number < last.end() => return false,
            Some(last) if number == last.end() => last.lines.push(line),
            Some(_) | None => self.blocks.push(Block { first: number, lines: vec![line] }),
        }
        true
    }

    pub(super) fn get(&self, number: u64) -> Option<&T> {
        let block = self.blocks.get(self.holder(number)?)?;
        block.lines.get(block.place(number)?)
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let holder = self.holder(number)?;
        let block = self.blocks.get_mut(holder)?;
        let place = block.place(number)?;
        block.lines.get_mut(place)
    }

    /// Every line, ascending.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.blocks.iter().flat_map(|block| &block.lines)
    }

    /// Lines from a number on, with their numbers.
    pub(super) fn from(&self, number: u64) -> impl Iterator<Item = (u64, &T)> {
        let blocks = self.blocks.get(self.holder(number).unwrap_or(0)..).unwrap_or_default();
        blocks.iter().flat_map(move |block| {
            let first = number.max(block.first);
            let lines = block.place(first).and_then(|place| block.lines.get(place..));
            (first..block.end()).zip(lines.unwrap_or_default())
        })
    }

    /// The block in which a number's line is, if it has one.
    fn holder(&self, number: u64) -> Option<usize> {
        self.blocks.partition_point(|block| block.first <= number).checked_sub(1)
    }
}
