//! stub
pub(crate) fn run(
    _c: &super::write::WriteContext,
    _t: &sqlparser::ast::Statement,
) -> crate::error::Result<super::CommandTag> {
    Err(super::SqlError::unsupported("DDL").into())
}
