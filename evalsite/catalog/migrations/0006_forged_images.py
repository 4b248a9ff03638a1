from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0005_ladders_and_sweeps'),
    ]

    operations = [
        migrations.AlterField(
            model_name='generator',
            name='kind',
            field=models.CharField(choices=[('trained', 'trained here'), ('onnx', 'uploaded network'), ('archive', 'uploaded images'), ('external', 'images kept elsewhere'), ('forged', 'forged to fool a network')], max_length=10),
        ),
    ]
