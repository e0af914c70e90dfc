-- From the raw file (`input`) to one row an hour with everything the model may know
-- when that hour begins. Runs on training data and on live hours alike.
with
-- An hour has one row for each weather condition that was reported. The condition
-- that weighs most on a road is kept; the other keys only settle ties, so that the
-- result does not depend on the order of the file.
ranked as (
    select
        date_time, temp, rain_1h, snow_1h, clouds_all, weather_main, traffic_volume,
        row_number() over (
            partition by date_time
            order by
                case weather_main
                    when 'Squall' then 1
                    when 'Thunderstorm' then 2
                    when 'Snow' then 3
                    when 'Rain' then 4
                    when 'Drizzle' then 5
                    when 'Fog' then 6
                    when 'Smoke' then 7
                    when 'Haze' then 8
                    when 'Mist' then 9
                    when 'Clouds' then 10
                    when 'Clear' then 11
                    else 12
                end,
                clouds_all desc, rain_1h desc, snow_1h desc, temp desc,
                weather_description, traffic_volume
        ) as place
    from input
),
hours as (
    select * from ranked where place = 1
),
-- An hour has one volume, however many rows it has.
volumes as (
    select date_time, min(traffic_volume) as traffic_volume from input group by date_time
),
-- A holiday is written on its first hour only; it counts for the whole day.
holidays as (
    select date_trunc('day', date_time) as day, min(holiday) as holiday
    from input
    where holiday is not null and holiday <> 'None'
    group by date_trunc('day', date_time)
)
select
    hours.date_time as date_time,
    cast(date_part('hour', hours.date_time) as bigint) as hour,
    -- Monday is 0, Sunday is 6.
    cast((date_part('dow', hours.date_time) + 6) % 7 as bigint) as weekday,
    cast(date_part('month', hours.date_time) as bigint) as month,
    -- 0 K is how the file writes "not measured".
    case when hours.temp > 0 then hours.temp end as temp,
    -- Rain is passed on as it was read, impossible values too: what is live must be
    -- seen by monitoring as it came.
    hours.rain_1h as rain_1h,
    hours.snow_1h as snow_1h,
    hours.clouds_all as clouds_all,
    hours.weather_main as weather_main,
    coalesce(holidays.holiday, 'None') as holiday,
    -- 168 hours earlier is the same hour of the same weekday; unknown in and after gaps.
    last_week.traffic_volume as volume_last_week,
    hours.traffic_volume as traffic_volume
from hours
left join volumes as last_week
    on last_week.date_time = hours.date_time - interval '168 hours'
left join holidays
    on holidays.day = date_trunc('day', hours.date_time)
order by hours.date_time
