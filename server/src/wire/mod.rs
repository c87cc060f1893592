//! How requests are read and answers are shaped, where that is more than one struct.

pub mod json;
pub mod paging;
pub mod permitted;
pub mod rendered;
pub mod shapes;
pub mod show;
pub mod text_filter;
