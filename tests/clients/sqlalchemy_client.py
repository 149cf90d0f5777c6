"""SQLAlchemy: tables from classes, a session with relations, reflection."""

import sys

from sqlalchemy import ForeignKey, String, create_engine, func, inspect, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

engine = create_engine(sys.argv[1].replace("postgresql://", "postgresql+psycopg://"))


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50), unique=True)
    books: Mapped[list["Book"]] = relationship(back_populates="author")


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    author: Mapped[Author] = relationship(back_populates="books")


Base.metadata.create_all(engine)
with Session(engine) as session:
    ada = Author(name="Ada", books=[Book(title="Notes"), Book(title="Letters")])
    session.add_all([ada, Author(name="Grace")])
    session.commit()
    assert ada.id is not None
    titles = session.scalars(select(Book.title).join(Book.author).where(Author.name == "Ada").order_by(Book.title)).all()
    assert titles == ["Letters", "Notes"], titles
    counts = session.execute(
        select(Author.name, func.count(Book.id)).outerjoin(Author.books).group_by(Author.name).order_by(Author.name)
    ).all()
    assert [tuple(row) for row in counts] == [("Ada", 2), ("Grace", 0)], counts
    session.add(Author(name="Ada"))
    try:
        session.commit()
        raise AssertionError("a second Ada was taken")
    except IntegrityError:
        session.rollback()
inspector = inspect(engine)
assert set(inspector.get_table_names()) >= {"author", "book"}
assert [column["name"] for column in inspector.get_columns("book")] == ["id", "title", "author_id"]
assert inspector.get_pk_constraint("author")["constrained_columns"] == ["id"]
assert inspector.get_foreign_keys("book")[0]["referred_table"] == "author"
print("ok")
