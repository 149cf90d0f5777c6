create function pg_temp.evaluate(expression text) returns text language plpgsql as $body$
declare
    found text;
    kind text;
    from_rows text := '';
begin
    if expression ~ '\mc[ibhnmfsvct]\M' or expression ~ '\mcount\(' then from_rows := ' from pg_temp.rows'; end if;
    begin
        execute 'select string_agg(coalesce(x::text, ''NULL''), '' | ''), min(pg_typeof(x)::text) from (select ('
            || expression || ') as x' || from_rows || ') as found' into found, kind;
    exception when others then
        return 'ERROR ' || sqlstate || ' ' || sqlerrm;
    end;
    return found || ' : ' || kind;
end
$body$;
